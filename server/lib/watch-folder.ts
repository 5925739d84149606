import { type FSWatcher, statSync, watch } from "node:fs";

const CHECK_MS = 1000;

/**
 * Watches a folder that may not be there yet, or be replaced: it is looked for every second and
 * watched anew when it is another one. Never throws; where watching does not work nothing is told.
 * @param onChange the name of the entry that changed, null when it is not known
 * @returns how to stop
 */
export function watchFolder(path: string, onChange: (name: string | null) => void): () => void {
  let watcher: FSWatcher | null = null;
  let watched: string | null = null;
  const check = () => {
    const identity = identityOf(path);
    if (identity === watched) return;
    watcher?.close();
    watched = identity;
    watcher = identity === null ? null : tryWatch(path, onChange);
    if (identity !== null) onChange(null);
  };
  check();
  const timer = setInterval(check, CHECK_MS);
  timer.unref();
  return () => {
    clearInterval(timer);
    watcher?.close();
  };
}

function tryWatch(path: string, onChange: (name: string | null) => void): FSWatcher | null {
  try {
    const watcher = watch(path, { persistent: false }, (_event, name) => onChange(name));
    watcher.on("error", () => watcher.close());
    return watcher;
  } catch {
    // Gone between two looks, or no watches left: the next look, or the caller's polling, will do.
    return null;
  }
}

function identityOf(path: string): string | null {
  try {
    const { dev, ino } = statSync(path);
    return `${dev}:${ino}`;
  } catch {
    return null;
  }
}
