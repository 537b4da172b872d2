import type { AccountId } from '../../../domain/ids.ts'
import type { Done, DoorUse, SessionDoors } from '../access-gateway.ts'
import { Refusal } from './endings.ts'
import { namedAccount, nameable, userName } from './names.ts'
import type { Parts } from './parts.ts'
import type { ActiveTunnel } from './tunnels.ts'

const done: Done = { kind: 'done' }

/**
 * Ends the token of an account that has nothing beside `leaving`. Where another use is noted at the same moment, its
 * page has to enter again.
 */
async function endIdleToken({ accounts, tokens }: Parts, leaving: DoorUse, signal: AbortSignal): Promise<void> {
  const uses = await accounts.usesBy(leaving.deploymentId, leaving.accountId)
  const same = (use: DoorUse) => use.sessionId === leaving.sessionId && use.generation === leaving.generation
  const sameUse = (use: DoorUse) => same(use) && use.door === leaving.door && use.mode === leaving.mode
  if (uses.some((use) => !sameUse(use))) return
  await tokens.end(leaving.accountId, signal)
}

/** The whole teardown of a session: rights, tokens, tunnels, connections; and what slipped through between. */
export async function closeDoors(parts: Parts, doors: SessionDoors, signal: AbortSignal): Promise<Done> {
  if (!nameable(doors)) throw new Refusal('parameter_refused', 'a name that the gateway cannot hold')
  const { accounts, connections, users, tunnels } = parts
  await accounts.end(doors)
  const uses = await accounts.usesOf(doors)
  const ids = (await connections.of(doors, signal)).map(({ id }) => id)
  const guests = new Set(uses.map(({ accountId }) => accountId))
  for (const accountId of guests) await users.revoke(userName(doors.deploymentId, accountId), ids, signal)
  for (const accountId of guests) await endTokenOf(parts, doors, accountId, signal)
  const names = new Set([...guests].map((accountId) => userName(doors.deploymentId, accountId)))
  await killOf(parts, doors, ids, names, signal)
  for (const id of ids) await connections.remove(id, signal)
  // An entry that passed the check of its right before that was withdrawn is listed by now; the deletion closed nothing.
  if (ids.length > 0) await tunnels.killAll(onAny(ids), signal)
  for (const use of uses) await accounts.dropUse(use)
  return done
}

async function endTokenOf(parts: Parts, doors: SessionDoors, accountId: AccountId, signal: AbortSignal): Promise<void> {
  const uses = await parts.accounts.usesBy(doors.deploymentId, accountId)
  const elsewhere = uses.some((use) => use.sessionId !== doors.sessionId || use.generation !== doors.generation)
  if (!elsewhere) await parts.tokens.end(accountId, signal)
}

/** Kills what is on these connections, and what our guests have on connections that are no more. */
async function killOf(
  { connections, tunnels }: Parts,
  doors: SessionDoors,
  ids: readonly string[],
  names: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<void> {
  await tunnels.killAll(async (listed) => {
    const own = onAny(ids)(listed)
    const others = listed.filter((t) => t.username !== null && names.has(t.username) && !own.includes(t))
    if (others.length === 0) return own
    // Asked after the tunnels were listed: what is not there now, was there, and is deleted.
    const now = new Set((await connections.all(doors.deploymentId, signal)).map(({ id }) => id))
    return [...own, ...others.filter((t) => !now.has(t.connectionIdentifier))]
  }, signal)
}
const onAny = (ids: readonly string[]) => (listed: readonly ActiveTunnel[]) =>
  listed.filter((tunnel) => ids.includes(tunnel.connectionIdentifier))

/** One account can enter this door no more, in this mode. */
export async function revoke(parts: Parts, use: DoorUse, signal: AbortSignal): Promise<Done> {
  if (!nameable(use, use.door, use.accountId))
    throw new Refusal('parameter_refused', 'a name that the gateway cannot hold')
  const { accounts, connections, users, tunnels } = parts
  const user = userName(use.deploymentId, use.accountId)
  const all = (await connections.of(use, signal)).filter(({ door }) => door === use.door)
  const own = all.find(({ mode }) => mode === use.mode)
  const joined = use.mode === 'view' && own === undefined ? all.find(({ protocol }) => protocol !== 'vnc') : undefined
  if (own !== undefined) await users.revoke(user, [own.id], signal)
  await endIdleToken(parts, use, signal)
  const cut = { own: own?.id, joined: joined?.id, user }
  await tunnels.killAll((listed) => listed.filter((tunnel) => isCut(tunnel, cut)), signal)
  await accounts.dropUse(use)
  return done
}

/** A viewer who joined knows the key, and it lives as long as the tunnel that was joined: so all of that connection. */
const isCut = (
  { connectionIdentifier, username }: ActiveTunnel,
  { own, joined, user }: { own: string | undefined; joined: string | undefined; user: string },
): boolean => (connectionIdentifier === own && username === user) || connectionIdentifier === joined

/** Nothing of the account is left: no login, no tunnel, no user. */
export async function removeAccount(
  parts: Parts,
  deploymentId: string,
  accountId: AccountId,
  signal: AbortSignal,
): Promise<Done> {
  const { accounts, users, tokens, tunnels } = parts
  const user = userName(deploymentId, accountId)
  if (namedAccount(deploymentId, user) === null)
    throw new Refusal('parameter_refused', 'a name that the gateway cannot hold')
  const ofUser = (listed: readonly ActiveTunnel[]) => listed.filter(({ username }) => username === user)
  await users.disable(user, signal)
  await tokens.end(accountId, signal)
  await tunnels.killAll(ofUser, signal)
  await users.remove(user, signal)
  await tunnels.killAll(ofUser, signal)
  for (const use of await accounts.usesBy(deploymentId, accountId)) await accounts.dropUse(use)
  return done
}
