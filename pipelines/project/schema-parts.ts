import { type TSchema, Type } from "@sinclair/typebox";

/** Words of the schema of sluice.yaml. Every object refuses unknown keys. */

const strict = { additionalProperties: false } as const;
export const object = <T extends Record<string, TSchema>>(properties: T) =>
  Type.Object(properties, strict);
export const Name = Type.String({ pattern: "^[a-z][a-z0-9_-]{0,62}$" });
export const ModelName = Type.String({ pattern: "^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$" });
export const ColumnName = Type.String({ minLength: 1, maxLength: 128 });
export const Ratio = Type.Number({ minimum: 0, maximum: 1 });
export const Seconds = Type.Number({ exclusiveMinimum: 0 });
export const Count = Type.Integer({ minimum: 1 });
export const named = <T extends TSchema>(schema: T, description: string) =>
  Type.Record(Name, schema, { default: {}, description });
/** The same schema with its meaning, as editors and project-file.md show it. */
export const told = <T extends TSchema>(schema: T, description: string): T => ({
  ...schema,
  description,
});

export const SecretRefSchema = Type.Union([
  object({ env: Type.String({ minLength: 1 }) }),
  object({ file: Type.String({ minLength: 1 }) }),
]);
