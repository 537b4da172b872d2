import { isDeepStrictEqual } from 'node:util'
import type { DoorMode } from '../../../domain/template.ts'
import type { DoorTarget, SessionDoors } from '../access-gateway.ts'
import { persist } from './api.ts'
import type { Api } from './api.ts'
import { Refusal } from './endings.ts'
import { madeId } from './groups.ts'
import type { Groups } from './groups.ts'
import { connectionName, namedDoor } from './names.ts'
import type { NamedDoor } from './names.ts'
import { parametersShape } from './shapes.ts'

/** A connection with what its name says. */
export interface DoorConnection extends NamedDoor {
  readonly id: string
  readonly protocol: string
}

/** The connections of a deployment's doors. */
export interface Connections {
  /** Makes it, or finds it and makes it equal to `target`; its id. */
  ensure(doors: SessionDoors, door: string, mode: DoorMode, target: DoorTarget, signal: AbortSignal): Promise<string>
  /** Every one whose name we wrote. */
  all(deploymentId: string, signal: AbortSignal): Promise<readonly DoorConnection[]>
  /** Those of one generation of a session. */
  of(doors: SessionDoors, signal: AbortSignal): Promise<readonly DoorConnection[]>
  remove(id: string, signal: AbortSignal): Promise<void>
}

const longestValue = 4096
const longestName = 128

/** What the gateway is to store. Throws where it would misread a value: it replaces `${…}` when it connects. */
export function parametersOf(target: DoorTarget, mode: DoorMode): Record<string, string> {
  const given = {
    ...target.parameters,
    hostname: target.host,
    port: String(target.port),
    ...(mode === 'view' ? { 'read-only': 'true' } : {}),
  }
  const entries = Object.entries(given).filter(([, value]) => value !== '')
  for (const [name, value] of entries) {
    if (value.includes('${'))
      throw new Refusal('parameter_refused', `the gateway would replace what is in ${label(name)}`)
    if (value.length > longestValue) throw new Refusal('parameter_refused', `${label(name)} is too long`)
    if (!/^[a-z0-9-]+$/.test(name) || name.length > longestName)
      throw new Refusal('parameter_refused', 'a name of a parameter is none')
  }
  return Object.fromEntries(entries)
}
const label = (name: string) => `the parameter ${name.slice(0, 40)}`

export function createConnections(api: Api, groups: Groups): Connections {
  async function all(deploymentId: string, signal: AbortSignal): Promise<readonly DoorConnection[]> {
    const found = await groups.connections(deploymentId, signal)
    return found.flatMap(({ identifier: id, name, protocol }) => {
      const named = namedDoor(name)
      return named === null ? [] : [{ ...named, id, protocol }]
    })
  }
  const of = async (doors: SessionDoors, signal: AbortSignal) =>
    (await all(doors.deploymentId, signal)).filter(
      ({ sessionId, generation }) => sessionId === doors.sessionId && generation === doors.generation,
    )

  /** The one that exists, made equal to what is wanted: an instance that came back may listen elsewhere. */
  async function adopt(
    path: string,
    whole: { readonly parameters: Record<string, string> },
    signal: AbortSignal,
  ): Promise<boolean> {
    const stored = await api.read(`${path}/parameters`, parametersShape, signal)
    if (stored === null) return false
    if (isDeepStrictEqual({ ...stored }, whole.parameters)) return true
    return (await api.change({ method: 'PUT', path, json: whole }, signal)).kind === 'done'
  }

  return {
    all,
    of,
    async ensure(doors, door, mode, target, signal) {
      const parameters = parametersOf(target, mode)
      const name = connectionName(doors, door, mode)
      return await persist(api, 'the connection', signal, async () => {
        const parentIdentifier = await groups.ensure(doors.deploymentId, signal)
        const whole = { parentIdentifier, name, protocol: target.protocol, parameters, attributes: {} }
        const made = await api.change({ method: 'POST', path: 'connections', json: whole }, signal)
        if (made.kind === 'done') return madeId(api, made.reply)
        // Perhaps its group is gone; perhaps another call of the same name was first.
        if (made.kind !== 'duplicate') groups.forget(doors.deploymentId)
        const existing = (await of(doors, signal)).find((c) => c.door === door && c.mode === mode)
        if (existing === undefined) return null
        return (await adopt(`connections/${existing.id}`, whole, signal)) ? existing.id : null
      })
    },
    async remove(id, signal) {
      await persist(api, 'the removal of a connection', signal, async () => {
        const gone = await api.change({ method: 'DELETE', path: `connections/${id}` }, signal)
        return gone.kind === 'unclear' ? null : true
      })
    },
  }
}
