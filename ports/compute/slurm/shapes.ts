import { z } from 'zod'

// What we read of slurmrestd's answers (v0.0.37 and v0.0.38). Everything else in them is dropped.

const text = z
  .string()
  .nullish()
  .transform((value) => value ?? '')
/** Epoch seconds, up to the year 9999; 0: not yet. */
const seconds = z
  .int()
  .min(0)
  .max(253_402_300_799)
  .nullish()
  .transform((value) => value ?? 0)

/** An entry of `errors`. Submissions number it by `error_code`, everything else by `error_number`. */
const fault = z.object({
  error: text,
  description: text,
  error_code: z.int().nullish(),
  error_number: z.int().nullish(),
})
export type Fault = z.output<typeof fault>
const errors = z
  .array(fault)
  .nullish()
  .transform((list) => list ?? [])
export const faultsShape = z.object({ errors })

export const submittedShape = z.object({ errors, job_id: z.int().nullish() })

/** Of other people's jobs only the name is looked at, and it may be anything. */
export const listShape = z.object({ errors, jobs: z.array(z.unknown()) })
export const namedShape = z.object({ name: z.string() })
export const numberedShape = z.object({ job_id: z.int() })

const jobShape = z.object({
  job_id: z.int().positive(),
  name: z.string(),
  /** Empty: the cluster's directory does not know the number any more. */
  user_name: text,
  user_id: z.int().nonnegative(),
  job_state: z.string().min(1),
  state_reason: text,
  state_description: text,
  submit_time: seconds,
  start_time: seconds,
  end_time: seconds,
  restart_cnt: seconds,
  exit_code: z
    .int()
    .nullish()
    .transform((value) => value ?? null),
  batch_host: text,
  cpus: z
    .int()
    .nullish()
    .transform((value) => value ?? 0),
  tres_alloc_str: text,
})
export type Job = z.output<typeof jobShape>
export { jobShape }

const amount = z.object({ type: text, name: text, count: z.number().nullish() })
/** What the accounting keeps of a job: one record for each time that it began. */
export const recordShape = z.object({
  job_id: z.int().positive(),
  name: z.string(),
  user: text,
  state: z.object({ current: z.string().min(1) }),
  /** `limit`: minutes; 0: none. */
  time: z.object({ elapsed: seconds, start: seconds, end: seconds, submission: seconds, limit: seconds }),
  tres: z
    .object({ allocated: z.array(amount).nullish() })
    .nullish()
    .transform((value) => value?.allocated ?? []),
})
export type JobRecord = z.output<typeof recordShape>

/** `req_time`: the controller's clock as it answered. */
export const diagShape = z.object({ errors, statistics: z.object({ req_time: z.int().positive() }) })
export const pingShape = z.object({ errors, pings: z.array(z.object({ ping: text })) })
export const partitionsShape = z.object({ errors, partitions: z.array(namedShape) })
export const qosShape = z.object({ errors, QOS: z.array(namedShape).default([]) })
/** `administrator_level`: `None`, `Operator` or `Administrator`. */
export const usersShape = z.object({
  errors,
  users: z.array(z.object({ name: z.string(), administrator_level: text })).default([]),
})
export const accountsShape = z.object({ errors, accounts: z.array(namedShape).default([]) })
