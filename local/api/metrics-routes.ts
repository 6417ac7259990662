import { Type } from "typebox";
import type { App } from "./app.js";
import type { Cloud } from "./cloud.js";
import { asArray } from "./listing.js";
import { findLoadBalancer } from "./load-balancer-rows.js";
import { balancerSeries, metricsAnswer, readTimeSpan, serverSeries } from "./metrics.js";
import { IdParams } from "./schemas.js";
import { findServer } from "./server-rows.js";

const Query = Type.Object({
  type: Type.Union([Type.Array(Type.String(), { minItems: 1 }), Type.String()]),
  start: Type.String(),
  end: Type.String(),
  step: Type.Optional(Type.Integer({ minimum: 1 })),
});

const Answer = Type.Object({
  metrics: Type.Object({
    start: Type.String({ format: "date-time" }),
    end: Type.String({ format: "date-time" }),
    step: Type.Number(),
    time_series: Type.Record(
      Type.String(),
      Type.Object({ values: Type.Array(Type.Tuple([Type.Number(), Type.String()])) }),
    ),
  }),
});

/** How much servers and load balancers do. */
export function metricsRoutes(app: App, { state, samples }: Cloud): void {
  for (const [path, series, find] of [
    ["servers", serverSeries, findServer],
    ["load_balancers", balancerSeries, findLoadBalancer],
  ] as const) {
    app.get(
      `/${path}/:id/metrics`,
      { schema: { params: IdParams, querystring: Query, response: { 200: Answer } } },
      ({ params, query }) => {
        const { id } = find(state, params.id);
        return metricsAnswer(samples, id, series, asArray(query.type) ?? [], readTimeSpan(query));
      },
    );
  }
}
