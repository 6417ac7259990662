/**
 * In the environment of Pulumi, `yes`: somebody has said yes to more than the budget, or has asked already. Apart from
 * budget.ts, because most commands only set it and never count.
 */
export const overBudgetVariable = "DUKAAN_OVER_BUDGET";
