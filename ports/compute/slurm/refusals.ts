import type { RefusalCode } from '../../../domain/errors.ts'

/** Of Slurm's own numbers (slurm_errno.h) those that say that a job was not made and why, where a user can do something about it. */
const codes: Readonly<Record<number, RefusalCode>> = {
  2000: 'template_unfit', // unknown partition
  2001: 'template_unfit', // no partition, and none by default
  2003: 'template_unfit', // the partition is for a group
  2004: 'unschedulable', // nodes that are not in the partition
  2005: 'unschedulable', // too many CPUs
  2006: 'unschedulable', // node count
  2014: 'unschedulable', // no node is configured like that
  2029: 'template_unfit', // unknown feature
  2044: 'unschedulable', // memory
  2045: 'template_unfit', // unknown account
  2048: 'template_unfit', // unknown licence
  2050: 'backend_quota', // a limit of the account or the QOS
  2051: 'unschedulable', // time limit
  2057: 'template_unfit', // wckey
  2066: 'template_unfit', // unknown QOS
  2069: 'unschedulable', // CPU count
  2072: 'template_unfit', // gres
  2115: 'template_unfit', // tres
  2119: 'template_unfit', // type of a gres
  2122: 'template_unfit', // gres that is not supported
  2134: 'unschedulable', // too many of a gres
}

/** No job was made, and later one may be: the controller is full, is changing places, takes none, or has no time. */
const later = [2007, 2016, 2020, 2027, 2049, 2090, 2105, 2125, 2131]

/** What a submission that Slurm answered with this number comes to; `null`: nothing is known, or it may work later. */
export function refusalOf(
  code: number | null,
  asked: { readonly gpus: number; readonly account: string | undefined },
): RefusalCode | null {
  if (code === null) return null
  // `slurm.ERROR` of a job_submit plugin. Whoever does not reach the controller, or is not let in, is told another number.
  if (code === -1) return 'start_failed'
  // No account was named: the user has none.
  if (code === 2045 && asked.account === undefined) return 'start_failed'
  // The description could not be read. Slurm has no other number for a gres of which it has not heard.
  if (code === 9001 || code === 9002) return asked.gpus > 0 ? 'template_unfit' : 'start_failed'
  if (code < 2_000 || code >= 3_000 || later.includes(code)) return null
  return codes[code] ?? 'start_failed'
}
