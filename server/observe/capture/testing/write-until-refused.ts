/**
 * A child of folder-sink.test.ts under a limit of file size (ulimit -f): writes lines until the
 * system refuses one in the middle, then goes on with smaller ones, and closes.
 */
import { FolderSink } from "../folder-sink.ts";

process.on("SIGXFSZ", () => undefined);

const sink = new FolderSink({
  folder: process.argv[2] ?? "",
  fileSecs: 3600,
  fileBytes: 1 << 30,
  onFault: () => undefined,
  onAdopted: () => undefined,
});
const line = (n: number, chars: number) => JSON.stringify({ n, text: "x".repeat(chars) });

let kept = 0;
let refusal = "";
while (refusal === "") {
  await sink.write([line(kept, 3000), line(kept + 1, 3000)]).then(
    () => {
      kept += 2;
    },
    (thrown: Error) => {
      refusal = thrown.message;
    },
  );
}
await sink.write([line(kept, 1)]);
await sink.close();
process.stdout.write(`${kept + 1} ${refusal}\n`);
