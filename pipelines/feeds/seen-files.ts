import type { SeenFile } from "./feed-memory.ts";
import type { FoundFile } from "./list-files.ts";

/** The files that were taken. A file is its name, size and content: changed, it is another. */
export interface SeenFiles {
  /** Its inode did not change since it was taken: no need to read it. */
  isUntouched(file: FoundFile): boolean;
  hasName(name: string): boolean;
  /** @returns false when this content was taken before; then only the time of its inode is new */
  add(file: SeenFile): boolean;
  list(): readonly SeenFile[];
}

export function indexSeenFiles(files: readonly SeenFile[]): SeenFiles {
  const byName = new Map<string, SeenFile[]>();
  const add = (file: SeenFile) => {
    const others = byName.get(file.name) ?? [];
    byName.set(file.name, others);
    const known = others.findIndex(
      ({ bytes, sha256 }) => bytes === file.bytes && sha256 === file.sha256,
    );
    if (known === -1) others.push(file);
    else others[known] = file;
    return known === -1;
  };
  files.forEach(add);
  return {
    isUntouched({ name, bytes, changedMs }) {
      const others = byName.get(name) ?? [];
      return others.some((each) => each.bytes === bytes && each.changedMs === changedMs);
    },
    hasName: (name) => byName.has(name),
    add,
    list: () => [...byName.values()].flat(),
  };
}
