import type { FailReason } from '../../../domain/lifecycle.ts'

/** Why a job waits. `never`: it waits for what will not come, and this is how the session ends. */
export interface Waiting {
  readonly words: string
  readonly never?: FailReason
}

const byName: Readonly<Record<string, Waiting>> = {
  None: { words: 'the cluster has it in its queue' },
  Priority: { words: 'others in the queue come first' },
  Resources: { words: 'the machines are in use' },
  Prolog: { words: 'its machine is being made ready' },
  Cleaning: { words: 'the cluster clears away an earlier run' },
  BeginTime: { words: 'the cluster begins it later' },
  Dependency: { words: 'it follows another job' },
  Licenses: { words: 'all licences are in use' },
  Reservation: { words: 'its reservation has not begun' },
  ReqNodeNotAvail: { words: 'machines that it needs are not available' },
  NodeDown: { words: 'machines that it needs are down' },
  PowerNotAvail: { words: 'the cluster has no power to spare' },
  PowerReserved: { words: 'the cluster has no power to spare' },
  PartitionDown: { words: 'its part of the cluster is closed for now' },
  PartitionInactive: { words: 'its part of the cluster is closed for now' },
  FrontEndDown: { words: 'its part of the cluster is closed for now' },
  SchedDefer: { words: 'the cluster begins nothing at once' },
  JobHeldAdmin: { words: 'an operator of the cluster holds it back' },
  PartitionTimeLimit: { words: 'its time is above what the partition allows', never: 'unschedulable' },
  PartitionNodeLimit: { words: 'its size is above what the partition allows', never: 'unschedulable' },
  PartitionConfig: { words: 'no machine of the partition fits it', never: 'unschedulable' },
  BadConstraints: { words: 'no machine fits what it asks for', never: 'unschedulable' },
  Constraints: { words: 'no machine fits what it asks for', never: 'unschedulable' },
  MaxMemPerLimit: { words: 'its memory is above what the cluster allows', never: 'unschedulable' },
  AccountNotAllowed: { words: 'its account may not use the partition', never: 'template_unfit' },
  InvalidAccount: { words: 'the cluster does not know its account', never: 'template_unfit' },
  QOSNotAllowed: { words: 'its QOS may not be used in the partition', never: 'template_unfit' },
  InvalidQOS: { words: 'the cluster does not know its QOS', never: 'template_unfit' },
  ReservationDeleted: { words: 'its reservation is gone', never: 'template_unfit' },
  ReservationInvalid: { words: 'its reservation is gone', never: 'template_unfit' },
  DependencyNeverSatisfied: { words: 'what it waits for never comes', never: 'start_failed' },
  JobHeldUser: { words: 'it is held back', never: 'start_failed' },
  JobHoldMaxRequeue: { words: 'it was begun too often', never: 'start_failed' },
  JobLaunchFailure: { words: 'it could not be launched', never: 'start_failed' },
  SystemFailure: { words: 'the cluster failed', never: 'start_failed' },
}

/** Slurm makes a name for each limit of each thing that it counts. */
const byPattern: readonly (readonly [RegExp, Waiting])[] = [
  [
    /^(QOS|Assoc)Max.*Per(Job|Node)(Limit)?$/,
    { words: 'it is above what the cluster allows one job', never: 'backend_quota' },
  ],
  [/^QOSMin/, { words: 'it is below what its QOS demands', never: 'template_unfit' }],
  [
    /PerUser(Limit)?$|^AssocMax(Submit)?Jobs?Limit$|PerAccount$/,
    { words: 'a limit for its user or account is reached at the cluster' },
  ],
  [/^(QOS|Assoc)Grp|^QOS|^Assoc|^AccountingPolicy$/, { words: 'a limit for its group is reached at the cluster' }],
  [/^BurstBuffer/, { words: 'its data are being brought' }],
]

/** Puts a pending job's reason into words. One that nobody has heard of is a wait like any other. */
export function waitingFor(reason: string): Waiting {
  // Some carry a list of nodes behind their name.
  const [name = ''] = reason.split(/[^A-Za-z]/)
  if (Object.hasOwn(byName, name) && byName[name] !== undefined) return byName[name]
  const found = byPattern.find(([pattern]) => pattern.test(name))
  return (
    found?.[1] ?? { words: name === '' ? 'the cluster has it in its queue' : `the cluster says ${name.slice(0, 60)}` }
  )
}
