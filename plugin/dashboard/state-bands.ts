/** Lowest MOS-LQO of each state, as the defaults of `Thresholds.states`. Not from there: its module would bring the events' schemas into the page. */
export const stateBands = { good: 3.5, fair: 2.5, poor: 1 } as const;
