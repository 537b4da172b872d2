import type { Launch } from '../db/launch.ts'
import { accessWindow, mayStartIn } from '../domain/experiment.ts'
import type { AccessRule } from '../domain/experiment.ts'

/** Whether what is to be made may have its experiment's data at this moment. Without an experiment there is none to ask about. */
export function mayHaveData({ experiment = null }: Launch, rule: AccessRule, now: number): boolean {
  if (experiment === null) return true
  // How many its owner may have was counted when it was asked for.
  const counted = { held: 0, most: 1 }
  return mayStartIn({ role: experiment.role, window: accessWindow(experiment, rule), ...counted, now }) === 'granted'
}
