import type { InstanceSpec } from '../provider.ts'
import { allocatePorts, chooseUser } from './allocate.ts'
import { confinedArgv, insideOf } from './confine.ts'
import type { Deps } from './deps.ts'
import { launchScript } from './launch.ts'
import { layOut } from './lay-out.ts'
import { keyOf } from './places.ts'
import { seeProcesses } from './processes.ts'
import { unreachable } from './reach.ts'
import { readRecords, type InstanceRecord } from './record.ts'
import type { LocalCommand } from './settings.ts'
import { findProgram } from './tools.ts'

export type Prepared =
  | { readonly kind: 'prepared'; readonly record: InstanceRecord }
  | { readonly kind: 'refused'; readonly code: 'image_missing' | 'start_failed'; readonly detail: string }
  | { readonly kind: 'full'; readonly detail: string }

/**
 * Chooses ports and user, and lays out the instance's directory, complete before it appears. Call under the allocation
 * lock: what others hold is read from their records.
 */
export async function prepareInstance(spec: InstanceSpec, image: LocalCommand, deps: Deps): Promise<Prepared> {
  const { places, settings, tools } = deps
  const others = await readRecords(places)
  const self = { uid: process.getuid?.() ?? -1, gid: process.getgid?.() ?? -1 }
  const takenUsers = new Set([...others.map((other) => other.runAs.uid), ...seeProcesses().map((p) => p.uid)])
  const runAs = chooseUser(spec, settings.users, self, takenUsers)
  if ('refused' in runAs) return { kind: 'refused', code: 'start_failed', detail: runAs.refused }
  if ('full' in runAs) return { kind: 'full', detail: runAs.full }
  const ports = await allocatePorts(spec.ports, settings, others)
  if (ports === null) return { kind: 'full', detail: 'No host port is free in the configured range.' }

  const [word = '', ...rest] = spec.command ?? image.command
  const program = word.startsWith('/') ? word : findProgram(word)
  const fault =
    program === null ? `${word} is not in the system's directories` : unreachable(program, image.readable, runAs, tools)
  if (program === null || fault !== null) return { kind: 'refused', code: 'image_missing', detail: fault ?? '' }

  const key = keyOf(spec)
  const at = places.instance(key)
  const argv = confinedArgv({
    tools,
    places: at,
    runAs,
    resources: spec.resources,
    readable: image.readable,
    hostname: spec.sessionId,
  })
  const { name, deploymentId, sessionId, generation } = spec
  const record = { name, deploymentId, sessionId, generation, runAs, ports, argv, supervisor: null }
  const launch = launchScript({
    spec,
    image,
    ports,
    argv: [program, ...rest],
    inside: insideOf(tools, at),
    address: settings.address,
    mark: places.markOf(key),
  })
  await layOut(record, { launch, secret: spec.secret }, places, tools.asRoot)
  return { kind: 'prepared', record }
}
