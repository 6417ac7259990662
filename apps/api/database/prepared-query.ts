import {
  type CompiledQuery,
  DummyDriver,
  type Expression,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  sql,
} from "kysely";
import type { Database } from "./database.js";
import type { Tables } from "./tables.js";

/** Builds statements and never runs one. */
const builder = new Kysely<Tables>({
  dialect: {
    createAdapter: () => new PostgresAdapter(),
    createDriver: () => new DummyDriver(),
    createIntrospector: (db) => new PostgresIntrospector(db),
    createQueryCompiler: () => new PostgresQueryCompiler(),
  },
});

/** Stands in a statement where a value goes at each run. */
class Placeholder {
  constructor(readonly name: string) {}
}

/** An expression for the value that each run gives under this name. */
export type Parameter<Values> = <Name extends keyof Values & string>(name: Name) => Expression<Values[Name]>;

/**
 * A statement that is built and turned into SQL once; a run only brings its values. For the few that every visitor needs:
 * building costs this process more than the answer does. (Not prepared in the database: a connection through PgBouncer is
 * another one each time.)
 */
export function prepareQuery<Values, Row>(
  build: (db: Database, parameter: Parameter<Values>) => { compile(): CompiledQuery<Row> },
): (db: Database, values: Values) => Promise<Row[]> {
  const compiled = build(builder, (name) => sql`${new Placeholder(name)}`).compile();
  const fixed = compiled.parameters;
  return async (db, values) => {
    const parameters = fixed.map((value) =>
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion
      value instanceof Placeholder ? values[value.name as keyof Values] : value,
    );
    const { rows } = await db.executeQuery<Row>({ ...compiled, parameters });
    return rows;
  };
}
