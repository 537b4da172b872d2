import type { z } from 'zod'
import { SlurmFailure, noSuchJob } from './failure.ts'
import type { SlurmSettings } from './settings.ts'
import {
  faultsShape,
  jobShape,
  listShape,
  namedShape,
  numberedShape,
  pingShape,
  recordShape,
  submittedShape,
} from './shapes.ts'
import type { Fault, Job, JobRecord } from './shapes.ts'
import { mayBeOurs } from './names.ts'
import type { Tokens } from './tokens.ts'
import type { Reply, Wire } from './wire.ts'

/** `code`: what Slurm had to say of a job that it took all the same. */
export interface Submitted {
  readonly id: number
  readonly code: number | null
}

/** `submitted`: when, epoch seconds by the cluster's clock; `null`: nobody knows. */
export type Recorded = { readonly id: number } | { readonly name: string; readonly submitted: number | null }

/** What we ask of slurmrestd. Throws `SlurmFailure` alone; an empty list is an answer only where nothing went wrong. */
export interface SlurmApi {
  /** All jobs whose name begins as ours do, of every user and deployment. `owner`: looks as this user. */
  jobs(signal: AbortSignal, owner?: string): Promise<readonly Job[]>
  /**
   * `null`: whoever looks knows no job of this number, which may be so of a job that was, and of one that is hidden from the reader.
   * `owner`: looks as this user, from whom Slurm hides no job of theirs.
   */
  job(id: number, signal: AbortSignal, owner?: string): Promise<Job | null>
  /** Makes a job of this user. Throws with Slurm's own number where it says that it made none. */
  submit(user: string, description: object, signal: AbortSignal): Promise<Submitted>
  /** Asks for the end of a job of this user. One that is over or unknown is fine. */
  cancel(user: string, id: number, signal: AbortSignal): Promise<void>
  /** What the accounting keeps under a number or a name. It is behind by seconds. */
  records(of: Recorded, signal: AbortSignal): Promise<readonly JobRecord[]>
  /** Whether a controller answers. */
  isUp(signal: AbortSignal): Promise<boolean>
  /** Whatever else there is below `/slurm` or `/slurmdb`. `owner`: looks as this user. */
  read<T>(tree: 'slurm' | 'slurmdb', path: string, shape: z.ZodType<T>, signal: AbortSignal, owner?: string): Promise<T>
}

/** "Nothing found with query": the accounting's way of saying an empty list. */
const nothingFound = 9003
const daySeconds = 24 * 60 * 60
/** So far back the accounting looks for a job of which nobody knows when it was submitted: its books may hold years. */
const unknownSeconds = 30 * daySeconds

export function createApi(wire: Wire, tokens: Tokens, { apiVersion }: Pick<SlurmSettings, 'apiVersion'>): SlurmApi {
  const slurm = `/slurm/${apiVersion}`

  async function get(path: string, signal: AbortSignal, owner?: string): Promise<Reply> {
    const pass = owner === undefined ? await tokens.reader() : await tokens.as(owner)
    return await wire.send({ method: 'GET', path, pass }, signal)
  }

  async function read<T>(
    tree: 'slurm' | 'slurmdb',
    path: string,
    shape: z.ZodType<T>,
    signal: AbortSignal,
    owner?: string,
  ): Promise<T> {
    const reply = await get(`/${tree}/${apiVersion}/${path}`, signal, owner)
    return understood(good(reply), shape)
  }

  async function records(query: string, signal: AbortSignal): Promise<readonly JobRecord[]> {
    const reply = await get(`/slurmdb/${apiVersion}/${query}`, signal)
    if (reply.status === 200 && faultOf(reply)?.code === nothingFound) return []
    const { jobs } = understood(good(reply), listShape)
    return jobs.map((job) => understood(job, recordShape))
  }

  return {
    read,
    async jobs(signal, owner) {
      const { jobs } = await read('slurm', 'jobs', listShape, signal, owner)
      return jobs.filter(bearsOurName).map((job) => understood(job, jobShape))
    },
    async job(id, signal, owner) {
      const reply = await get(`${slurm}/job/${id}`, signal, owner)
      if (faultOf(reply)?.code === noSuchJob) return null
      const { jobs } = understood(good(reply), listShape)
      // By a number that came back Slurm tells every task of somebody's array.
      const [job, ...more] = jobs.filter((one) => numberedShape.safeParse(one).data?.job_id === id)
      if (job === undefined || more.length > 0) throw new SlurmFailure('an answer that is not understood')
      return understood(job, jobShape)
    },
    async submit(user, description, signal) {
      const pass = await tokens.as(user)
      const reply = await wire.send({ method: 'POST', path: `${slurm}/job/submit`, pass, body: description }, signal)
      const { data } = submittedShape.safeParse(reply.body)
      const id = data?.job_id ?? 0
      if (reply.status === 200 && id > 0) return { id, code: faultOf(reply)?.code ?? null }
      throw failureOf(reply)
    },
    async cancel(user, id, signal) {
      const pass = await tokens.as(user)
      const reply = await wire.send({ method: 'DELETE', path: `${slurm}/job/${id}`, pass }, signal)
      if (faultOf(reply)?.code !== noSuchJob) understood(good(reply), faultsShape)
    },
    records: async (of, signal) => await records('id' in of ? `job/${of.id}` : named(of), signal),
    async isUp(signal) {
      const { pings } = await read('slurm', 'ping', pingShape, signal)
      return pings.some(({ ping }) => ping === 'UP')
    },
  }
}

/** By a name the accounting looks among the jobs of today, unless it is told a day: one that begins early enough in every time zone. */
function named({ name, submitted }: Exclude<Recorded, { id: number }>): string {
  const since = submitted === null ? Date.now() / 1_000 - unknownSeconds : submitted - daySeconds
  const day = new Date(since * 1_000).toISOString().slice(0, 10)
  return `jobs?job_name=${encodeURIComponent(name)}&start_time=${day}`
}

const bearsOurName = (job: unknown): boolean => {
  const { data } = namedShape.safeParse(job)
  return data !== undefined && mayBeOurs(data.name)
}

/** The body of an answer that says no error. */
function good(reply: Reply): unknown {
  if (reply.status !== 200 || faultOf(reply) !== null) throw failureOf(reply)
  return reply.body
}

/** The first error of an answer that has a number of its own, or the first; `null`: there is none. */
function faultOf({ body }: Reply): { readonly code: number | null; readonly detail: string } | null {
  const errors = faultsShape.safeParse(body).data?.errors ?? []
  const numbered = errors.find((entry) => numberOf(entry) > 0) ?? errors[0]
  if (numbered === undefined) return null
  const code = numberOf(numbered)
  const detail = [numbered.error, numbered.description].filter((part) => part !== '').join(': ')
  return { code: code === 0 ? null : code, detail: `${detail || 'an error without words'} (${code})` }
}

const numberOf = ({ error_code: submitting, error_number: other }: Fault): number => submitting ?? other ?? 0

function failureOf(reply: Reply): SlurmFailure {
  const fault = faultOf(reply)
  const detail = fault === null ? `answered ${reply.status}, and nothing that is understood` : fault.detail
  return new SlurmFailure(detail, { code: fault?.code ?? null, status: reply.status, retryAfterMs: reply.retryAfterMs })
}

function understood<T>(body: unknown, shape: z.ZodType<T>): T {
  const parsed = shape.safeParse(body)
  if (!parsed.success) throw new SlurmFailure('an answer that is not understood')
  return parsed.data
}
