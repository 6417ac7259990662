import { TypeBoxValidatorCompiler } from "@fastify/type-provider-typebox";
import { Compile } from "typebox/compile";

/**
 * Makes the check of a request's part from its TypeBox schema. Texts become numbers where the schema asks for these, but
 * only in what does not fit as it is: most requests do, and trying to convert them would cost more than checking.
 */
export const compileValidator: typeof TypeBoxValidatorCompiler = (route) => {
  const schema = Compile(route.schema);
  // It compiles the schema too: not before something does not fit.
  let convertAndCheck: ReturnType<typeof TypeBoxValidatorCompiler> | undefined;
  return (value: unknown) =>
    schema.Check(value) ? { value } : (convertAndCheck ??= TypeBoxValidatorCompiler(route))(value);
};
