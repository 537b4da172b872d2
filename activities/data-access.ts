import type { Launch } from '../db/launch.ts'
import { accessWindow, isOpenAt } from '../domain/experiment.ts'
import type { AccessRule } from '../domain/experiment.ts'

/** Whether what is to be made may have its experiment's data at this moment. Without an experiment there is none to ask about. */
export function mayHaveData({ experiment = null }: Launch, rule: AccessRule, now: number): boolean {
  if (experiment === null) return true
  const mayWork = experiment.role !== null && experiment.role !== 'viewer'
  return mayWork && isOpenAt(accessWindow(experiment, rule), now)
}
