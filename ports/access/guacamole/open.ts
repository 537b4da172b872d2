import type { DoorTarget, DoorUse, Opened } from '../access-gateway.ts'
import { closeDoors } from './close.ts'
import { parametersOf } from './connections.ts'
import { Refusal } from './endings.ts'
import { clientPath, nameable, userName } from './names.ts'
import type { Parts } from './parts.ts'
import { sharedSource } from './view.ts'

/** Lets the account enter. What was made for doors that were closed meanwhile is taken away again. */
export async function open(parts: Parts, use: DoorUse, target: DoorTarget, signal: AbortSignal): Promise<Opened> {
  if (!nameable(use, use.door, use.accountId))
    throw new Refusal('parameter_refused', 'a name that the gateway cannot hold')
  parametersOf(target, use.mode)
  const { accounts, connections, users, tokens, views, dataSource } = parts
  const ended = async (when: string) => {
    await closeDoors(parts, use, signal)
    return new Refusal('ended', `these doors were closed ${when}`)
  }
  // Perhaps an earlier attempt, ended half-way, made something since.
  if ((await accounts.noteUse(use)) === 'ended') throw await ended('before')

  // Protocols that allow a second connection to the same display are viewed by one; others by joining.
  const joins = use.mode === 'view' && target.protocol !== 'vnc'
  const user = userName(use.deploymentId, use.accountId)
  const [connection, made] = await Promise.all([
    connections.ensure(use, use.door, joins ? 'control' : use.mode, target, signal),
    users.ensure(use.deploymentId, use.accountId, signal),
  ])
  if (!joins) await users.grant(user, connection, signal)
  const primary = joins ? (await views.primaries(connection, signal))[0] : null
  const wish = { user: made, sees: joins ? null : connection, at: primary?.node ?? null }
  const token = await tokens.ensure(use, wish, signal)
  const key = primary === null ? null : await views.join(primary, token, signal)

  // Closing says so first and looks at what there is then: what it did not see, was made after, is seen here.
  if (await accounts.isEnded(use)) throw await ended('meanwhile')
  // Another process may have ended it with the account's last use but this.
  if ((await tokens.known(use.accountId))?.value !== token.value)
    throw parts.api.unavailable('the token ended meanwhile')
  const path = key === null ? clientPath(connection, dataSource) : clientPath(key, sharedSource(dataSource))
  return { kind: 'opened', launch: { baseUrl: token.node.publicUrl, path, token: token.value } }
}
