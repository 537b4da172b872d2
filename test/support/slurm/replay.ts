import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createApi } from '../../../ports/compute/slurm/api.ts'
import { createInstance } from '../../../ports/compute/slurm/create.ts'
import { inspectInstance } from '../../../ports/compute/slurm/inspect.ts'
import { listInstances } from '../../../ports/compute/slurm/list.ts'
import { createMissing } from '../../../ports/compute/slurm/missing.ts'
import { jobName } from '../../../ports/compute/slurm/names.ts'
import { createPace } from '../../../ports/compute/slurm/pace.ts'
import { createSight } from '../../../ports/compute/slurm/reader.ts'
import { removeInstance } from '../../../ports/compute/slurm/remove.ts'
import { createRoll } from '../../../ports/compute/slurm/roll.ts'
import { slurmSettings } from '../../../ports/compute/slurm/settings.ts'
import type { Job, JobRecord } from '../../../ports/compute/slurm/shapes.ts'
import { usageOf } from '../../../ports/compute/slurm/usage.ts'
import type { Reply, Wire } from '../../../ports/compute/slurm/wire.ts'
import type { InstanceRef, InstanceSpec, ObservedInstance } from '../../../ports/compute/provider.ts'
import type { SessionId } from '../../../domain/ids.ts'
import { call } from '../../conformance/compute-harness.ts'
import { plainSpec } from '../../setup/plain-spec.ts'

interface Recorded {
  readonly status: number
  readonly body: { readonly jobs?: readonly object[] } | null
}

// As a real slurmrestd of version 22.05 answered, cut to what is read.
const recorded = JSON.parse(readFileSync(join(import.meta.dirname, 'exchanges.json'), 'utf8')) as Record<
  string,
  Recorded
>

/** An answer of a real slurmrestd, by its name. */
export function answer(name: string): Reply {
  const found = recorded[name]
  if (found === undefined) throw new Error(`no exchange is named ${name}`)
  return { ...found, retryAfterMs: null }
}

/** The one job of a recorded answer, with whatever is to be otherwise. */
export const job = (name: string, other: Partial<Job> = {}): Job =>
  ({ ...(answer(name) as { body: { jobs: object[] } }).body.jobs[0], ...other }) as Job
export const jobRecord = (name: string, other: Partial<JobRecord> = {}): JobRecord =>
  ({ ...(answer(name) as { body: { jobs: object[] } }).body.jobs[0], ...other }) as JobRecord

export const jobs = (...all: readonly object[]): Reply => ({
  status: 200,
  body: { errors: [], jobs: all },
  retryAfterMs: null,
})

export const spec: InstanceSpec = {
  name: 'carrel-s1-1',
  deploymentId: 'deployment',
  sessionId: 's1' as SessionId,
  generation: 1,
  ...plainSpec,
  image: 'node',
  command: ['serve', "it's here"],
  environment: { GREETING: 'hello' },
  secret: 'not for lists',
  resources: { sessions: 1, cpuMilli: 1_500, memoryMib: 512, diskMib: 0, gpus: 0 },
  user: { uid: 20_001, gid: 20_001, gids: [], name: 'carrel' },
  egress: 'internet',
}
export const sealedName = jobName(spec, 'carrel')
export const unknownRef: InstanceRef = { name: spec.name, deploymentId: spec.deploymentId }
export const submitted = 1_795_306_990
/** The question to the accounting for all jobs of its name, since it was submitted: the day before, at whatever hour days begin there. */
export const recordsByName = `GET db/jobs?job_name=${sealedName}&start_time=2026-11-21`
/** As the create of a job of this number answers. */
export const refTo = (id: number): InstanceRef => ({
  ...unknownRef,
  ids: { job: `${id}`, user: 'carrel', name: sealedName, submitted: `${submitted}` },
})
/** The instance's own job, in a recorded state. */
export const ours = (name: string, other: Partial<Job> = {}): Job =>
  job(name, { job_id: 7, name: sealedName, submit_time: submitted, ...other })

/** As the accounting knows that job, and when it ran. */
export const ownRecord = { job_id: 7, name: sealedName, user: 'carrel' }
export const ownTime = { elapsed: 60, start: submitted + 1, end: submitted + 61, submission: submitted, limit: 65 }
/** Its run, over, in a recorded state. */
export const ended = (name: string) => jobRecord(name, { ...ownRecord, time: ownTime })

type Answers = Readonly<Record<string, Reply | readonly Reply[] | (() => Reply)>>

/**
 * The driver, on a backend that answers as it is told: by method and path without the version, `GET jobs`. Of several answers each
 * is given once, and the last for ever. What nobody named fails the test.
 */
export function replaying(answers: Answers, other: Readonly<Record<string, unknown>> = {}) {
  const settings = slurmSettings.parse({
    url: 'http://127.0.0.1:1',
    auth: 'key',
    key: Buffer.alloc(32).toString('base64'),
    user: 'carrel',
    exclusiveNodes: true,
    stopTimeoutMs: 0,
    ...other,
  })
  const requests: { readonly what: string; readonly user: string; readonly body: unknown }[] = []
  const given = new Map<string, number>()
  const wire: Wire = {
    async send({ method, path, pass, body }) {
      const what = `${method} ${path.replace(/^\/slurm\/v0\.0\.38\//, '').replace(/^\/slurmdb\/v0\.0\.38\//, 'db/')}`
      requests.push({ what, user: pass.user, body })
      const planned = answers[what]
      if (planned === undefined) throw new Error(`nobody said what is answered to ${what}`)
      if (typeof planned === 'function') return await Promise.resolve(planned())
      const turn = given.get(what) ?? 0
      given.set(what, turn + 1)
      const reply = 'status' in planned ? planned : (planned[Math.min(turn, planned.length - 1)] ?? planned[0])
      if (reply === undefined) throw new Error(`no answers are left to ${what}`)
      return reply
    },
    close: () => Promise.resolve(),
  }
  let clock = Date.now()
  const tokens = {
    minted: [] as string[],
    as: async (user: string) => {
      tokens.minted.push(user)
      return await Promise.resolve({ user, token: 'token' })
    },
    reader: () => Promise.resolve({ user: settings.user, token: 'token' }),
    expiresAt: () => Promise.resolve(null),
  }
  const api = createApi(wire, tokens, settings)
  const roll = createRoll((signal) => api.jobs(signal))
  const locate = (node: string) => Promise.resolve(node === 'node1' ? { host: '10.0.0.1' } : { why: 'no such node' })
  const missing = createMissing(settings.lostAfterMs, () => clock)
  const sight = createSight(api, settings.user, () => clock)
  const deps = { api, roll, sight, pace: createPace(), locate, missing, settings }
  const { signal } = call()
  return {
    requests,
    minted: tokens.minted,
    asked: () => requests.map(({ what }) => what),
    pass: (ms: number) => void (clock += ms),
    create: (asked: InstanceSpec = spec) => createInstance(deps, asked, call()),
    inspect: (ref: InstanceRef) => inspectInstance(deps, ref, signal),
    remove: (ref: InstanceRef) => removeInstance(deps, ref, signal),
    async list() {
      const all: ObservedInstance[] = []
      for await (const each of listInstances(deps, spec.deploymentId, signal)) all.push(each)
      return all
    },
    usage: (ref: InstanceRef) => usageOf(deps, ref, signal),
    check: { api, tokens, settings, signal },
  }
}
