import { randomUUID } from 'node:crypto'
import { chmod, chown, mkdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { InstanceSpec } from '../provider.ts'
import { allocatePorts, chooseUser } from './allocate.ts'
import { commandEnvironment, confinedArgv, fillPlaceholders, launchScript, temporaryPath } from './confine.ts'
import { deleteTree, syncDirectory, writeDurably } from './files.ts'
import { markVariable } from './members.ts'
import { keyOf, placesOf, type InstancePlaces, type Places } from './places.ts'
import { seeProcesses } from './processes.ts'
import { unreachable } from './reach.ts'
import { readRecords, type InstanceRecord, type RunAs } from './record.ts'
import type { LocalCommand, ProcessSettings } from './settings.ts'
import { findProgram, type Tools } from './tools.ts'

export type Prepared =
  | { readonly kind: 'prepared'; readonly record: InstanceRecord }
  | { readonly kind: 'refused'; readonly code: 'image_missing' | 'start_failed'; readonly detail: string }
  | { readonly kind: 'full'; readonly detail: string }

/**
 * Chooses ports and user, and lays out the instance's directory, complete before it appears. Call under the allocation
 * lock: what others hold is read from their records.
 */
export async function prepareInstance(
  spec: InstanceSpec,
  image: LocalCommand,
  deps: { readonly places: Places; readonly settings: ProcessSettings; readonly tools: Tools },
): Promise<Prepared> {
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
    program === null ? `${word} is not in the system's directories` : unreachable(program, runAs, tools, image.readable)
  if (program === null || fault !== null) return { kind: 'refused', code: 'image_missing', detail: fault ?? '' }

  const key = keyOf(spec)
  const final = places.instance(key)
  const argv = confinedArgv({
    tools,
    places: final,
    runAs,
    resources: spec.resources,
    readable: image.readable,
    hostname: spec.sessionId,
  })
  const { name, deploymentId, sessionId, generation } = spec
  const record = { name, deploymentId, sessionId, generation, runAs, ports, argv, supervisor: null }
  const launch = launchOf(spec, image, record, [program, ...rest], final, deps)
  await layOut(key, record, { launch, secret: spec.secret }, places, tools)
  return { kind: 'prepared', record }
}

function launchOf(
  spec: InstanceSpec,
  image: LocalCommand,
  { ports }: InstanceRecord,
  argv: readonly string[],
  at: InstancePlaces,
  { places, settings, tools }: { readonly places: Places; readonly settings: ProcessSettings; readonly tools: Tools },
): string {
  const port = String(ports[0]?.hostPort ?? '')
  const own = { ...image.environment, ...spec.environment }
  const environment = commandEnvironment(own, {
    HOME: at.home,
    TMPDIR: temporaryPath(tools, at),
    PORT: port,
    ...Object.fromEntries(ports.map((p) => [`CARREL_PORT_${p.port}`, String(p.hostPort)])),
    CARREL_ADDRESS: settings.address,
    CARREL_INSTANCE: spec.name,
    CARREL_SECRET_FILE: at.secret,
    [markVariable]: places.markOf(keyOf(spec)),
  })
  return launchScript(at.home, environment, fillPlaceholders(argv, { port, home: at.home, secretFile: at.secret }))
}

/** Makes the directory aside and renames it into place: it is there whole, or not at all. */
async function layOut(
  key: string,
  record: InstanceRecord,
  texts: { readonly launch: string; readonly secret: string },
  places: Places,
  tools: Tools,
): Promise<void> {
  const aside = placesOf(join(places.staging, `${key}.${randomUUID()}`))
  try {
    await mkdir(aside.directory, { mode: 0o711 })
    await chmod(aside.directory, 0o711) // whatever the umask: the instance's user passes through, and lists nothing
    const owned = tools.asRoot ? record.runAs : null
    for (const directory of [aside.home, aside.temporary])
      await give(directory, owned, () => mkdir(directory, { mode: 0o700 }))
    await give(aside.secret, owned, () => writeFile(aside.secret, texts.secret, { mode: 0o400, flag: 'wx' }))
    await give(aside.launch, owned, () => writeFile(aside.launch, texts.launch, { mode: 0o400, flag: 'wx' }))
    await writeDurably(aside.record, JSON.stringify(record), 0o600)
    await rename(aside.directory, places.instance(key).directory)
    await syncDirectory(places.instances)
  } catch (error) {
    await deleteTree(aside.directory)
    throw error
  }
}

async function give(path: string, owner: RunAs | null, make: () => Promise<unknown>): Promise<void> {
  await make()
  if (owner !== null) await chown(path, owner.uid, owner.gid)
}
