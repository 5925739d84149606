import { Type } from "@sinclair/typebox";
import { ColumnName, Count, object, SecretRefSchema, told } from "./schema-parts.ts";

export const FilesConnector = object({
  kind: Type.Literal("files"),
  path: told(
    Type.String({ minLength: 1 }),
    "Folder and name pattern with `*`; files are taken in the order of their names, each once.",
  ),
  format: told(
    Type.Union([Type.Literal("csv"), Type.Literal("json"), Type.Literal("parquet")]),
    "Of every file.",
  ),
});

const IncrementalCursor = object({
  column: told(ColumnName, "Rows above the last value of this column are new."),
  lagSecs: told(
    Type.Number({ minimum: 0, default: 3600 }),
    "Looks so far back again for rows that came late (time cursors).",
  ),
});

export const PostgresConnector = object({
  kind: Type.Literal("postgres"),
  url: told(SecretRefSchema, "Connection URL."),
  table: told(Type.String({ minLength: 1 }), "`table` or `schema.table`."),
  cursor: IncrementalCursor,
  statementTimeoutSecs: told(
    Type.Number({ exclusiveMinimum: 0, default: 60 }),
    "Longest that one statement may take.",
  ),
});

const PageSize = object({
  param: told(Type.String(), "Query parameter of the page's size."),
  value: told(Count, "Rows of a page."),
});

export const RestConnector = object({
  kind: Type.Literal("rest"),
  url: told(Type.String({ pattern: "^https?://" }), "Of the first page."),
  bearer: Type.Optional(told(SecretRefSchema, "Sent as `authorization: Bearer`.")),
  headers: Type.Optional(
    told(Type.Record(Type.String(), Type.String()), "Sent with every request."),
  ),
  records: told(
    Type.String({ default: "" }),
    "Dotted path to the array of rows in the answer; empty: the answer is the array.",
  ),
  pagination: told(
    Type.Union([
      object({ kind: Type.Literal("none") }),
      object({
        kind: Type.Literal("page"),
        param: told(Type.String({ default: "page" }), "Query parameter of the page's number."),
        first: told(Type.Integer({ default: 1 }), "Number of the first page."),
        size: Type.Optional(PageSize),
      }),
      object({
        kind: Type.Literal("offset"),
        param: told(
          Type.String({ default: "offset" }),
          "Query parameter of the first row's place.",
        ),
        size: PageSize,
      }),
      object({
        kind: Type.Literal("cursor"),
        param: told(Type.String(), "Query parameter of the cursor."),
        path: told(Type.String(), "Dotted path to the next page's cursor in the answer."),
      }),
      object({
        kind: Type.Literal("nextUrl"),
        path: told(Type.String(), "Dotted path to the next page's URL in the answer."),
      }),
      object({ kind: Type.Literal("linkHeader") }),
    ]),
    'How to come to the next page; `linkHeader` follows `Link: <…>; rel="next"` (RFC 8288).',
  ),
  cursor: Type.Optional(IncrementalCursor),
  sinceParam: Type.Optional(
    told(Type.String({ minLength: 1 }), "Query parameter that takes the cursor less its lag."),
  ),
  timeoutSecs: told(
    Type.Number({ exclusiveMinimum: 0, default: 30 }),
    "Longest that one request may take.",
  ),
});
