import { type Static, Type } from "@sinclair/typebox";
import { DATATYPES } from "../core/datatype.ts";

/**
 * The two documents of the model repository. Both are refused whole on an unknown key, so that a
 * document written for a later schemaVersion is never half understood.
 */

const strict = { additionalProperties: false } as const;
const Sha256 = Type.String({ pattern: "^[0-9a-f]{64}$" });
const Name = Type.String({ pattern: "^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$" });
const Version = Type.Integer({ minimum: 1, maximum: 9_999_999_999 });
const VersionKey = "^[1-9][0-9]{0,9}$";

const TensorSignatureSchema = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 1024 }),
    datatype: Type.Union(DATATYPES.map((d) => Type.Literal(d))),
    shape: Type.Array(Type.Integer({ minimum: -1 }), { maxItems: 16 }),
    /** Written only where it is true: readers from before the key refuse it. */
    nullable: Type.Optional(Type.Boolean()),
  },
  strict,
);

export const SignatureSchema = Type.Object(
  { inputs: Type.Array(TensorSignatureSchema), outputs: Type.Array(TensorSignatureSchema) },
  strict,
);

export const ManifestSchema = Type.Object(
  {
    schemaVersion: Type.Literal(1),
    model: Name,
    version: Version,
    /** Every file of the version but the manifest and the claim; `path` is a plain file name. */
    files: Type.Array(
      Type.Object({ path: Name, bytes: Type.Integer({ minimum: 0 }), sha256: Sha256 }, strict),
      { minItems: 1, maxItems: 64 },
    ),
    signature: SignatureSchema,
    /** Operator-set version by domain ("" is the default ONNX domain). */
    opset: Type.Record(Type.String(), Type.Integer({ minimum: 1 })),
    /** The publisher says that clients of the version before may break. */
    breaking: Type.Boolean(),
    createdAt: Type.String({ minLength: 20, maxLength: 40 }),
    /** Where the version came from (git commit, run id, …); free text, never interpreted. */
    lineage: Type.Record(Type.String(), Type.String()),
  },
  strict,
);
export type Manifest = Static<typeof ManifestSchema>;

export const IndexSchema = Type.Object(
  {
    schemaVersion: Type.Literal(1),
    /** Grows by one with every change. */
    generation: Type.Integer({ minimum: 0 }),
    models: Type.Record(
      Type.String({ pattern: "^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$" }),
      Type.Object(
        {
          versions: Type.Record(
            Type.String({ pattern: VersionKey }),
            Type.Object({ manifestSha256: Sha256 }, strict),
          ),
          aliases: Type.Record(
            Type.String({ pattern: "^[A-Za-z][A-Za-z0-9._-]{0,127}$" }),
            Version,
          ),
        },
        strict,
      ),
    ),
    /** Tombstones: only a name here unloads a model; an absent one means "unknown". */
    removed: Type.Array(Name),
  },
  strict,
);
export type RepositoryIndex = Static<typeof IndexSchema>;
