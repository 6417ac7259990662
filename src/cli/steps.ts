import { Listr, ListrLogger, type ListrTask, PRESET_TIMER, ProcessOutput } from "listr2";

/** One step of a long command: `report` shows what it is doing now. */
export interface Step<Context> {
  title: string;
  run: (
    context: Context,
    report: (message: string) => void,
    retitle: (title: string) => void,
  ) => Promise<void>;
}

/**
 * Runs steps one after the other with progress and elapsed times on standard error: live on a terminal, one line
 * an event elsewhere. The first failure ends it.
 */
export async function runSteps<Context extends object>(
  context: Context,
  steps: Step<Context>[],
): Promise<Context> {
  const tasks: ListrTask<Context>[] = steps.map((step) => ({
    title: step.title,
    task: (_, task) =>
      step.run(
        context,
        (message) => {
          task.output = message;
        },
        (title) => {
          task.title = title;
        },
      ),
  }));
  const list = new Listr<Context>(tasks, {
    ctx: context,
    concurrent: false,
    // It would end the process at the first Ctrl-C, whatever is under way.
    registerSignalListeners: false,
    // Errors are printed once, with their remedy, when the command ends.
    rendererOptions: {
      timer: PRESET_TIMER,
      showErrorMessage: false,
      collapseErrors: false,
      logger: errorLogger(),
    },
    fallbackRenderer: "simple",
    fallbackRendererOptions: { timer: PRESET_TIMER, logger: errorLogger() },
    fallbackRendererCondition: () => !process.stderr.isTTY,
  });
  await list.run();
  return context;
}

/** Standard output belongs to results. */
function errorLogger<Level extends string>(): ListrLogger<Level> {
  return new ListrLogger<Level>({ processOutput: new ProcessOutput(process.stderr, process.stderr) });
}
