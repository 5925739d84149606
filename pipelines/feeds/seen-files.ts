import type { SeenFile } from "./feed-memory.ts";
import type { FoundFile } from "./list-files.ts";

/** The files that were taken or refused. A file is its name, size and content: changed, it is another. */
export interface SeenFiles {
  /** Its inode did not change since it was looked at: no need to read it. */
  isUntouched(file: FoundFile): boolean;
  /** Whether a file of this name was taken, with whatever content. */
  wasTaken(name: string): boolean;
  /** What is known of this very content under its name; null: nothing. */
  find(file: Pick<SeenFile, "name" | "bytes" | "sha256">): SeenFile | null;
  /** Of a name only the last refusal is kept. */
  put(file: SeenFile): void;
  list(): readonly SeenFile[];
}

export function indexSeenFiles(files: readonly SeenFile[]): SeenFiles {
  const byName = new Map<string, SeenFile[]>();
  const of = (name: string) => byName.get(name) ?? [];
  const put = (file: SeenFile) => {
    const others = of(file.name).filter(
      (each) => !isSame(each, file) && (file.refusal === null || each.refusal === null),
    );
    byName.set(file.name, [...others, file]);
  };
  files.forEach(put);
  return {
    isUntouched: ({ name, bytes, changedMs }) =>
      of(name).some((each) => each.bytes === bytes && each.changedMs === changedMs),
    wasTaken: (name) => of(name).some(({ refusal }) => refusal === null),
    find: (file) => of(file.name).find((each) => isSame(each, file)) ?? null,
    put,
    list: () => [...byName.values()].flat(),
  };
}

function isSame(
  one: Pick<SeenFile, "bytes" | "sha256">,
  other: Pick<SeenFile, "bytes" | "sha256">,
): boolean {
  return one.bytes === other.bytes && one.sha256 === other.sha256;
}
