// Tags and times as people read them.

// Data sets write underscores for spaces.
export function labelOf(tag) {
  return tag.replaceAll("_", " ");
}

export const clockTime = new Intl.DateTimeFormat([], {
  hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23",
});
