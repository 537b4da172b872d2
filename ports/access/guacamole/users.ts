import type { AccountId } from '../../../domain/ids.ts'
import type { AccessAccounts } from '../accounts.ts'
import { persist } from './api.ts'
import type { Api } from './api.ts'
import { Refusal } from './endings.ts'
import { userName } from './names.ts'
import { permissionsShape, userShape, usersShape } from './shapes.ts'

/** The users at the gateway, one per account, and what they may open. */
export interface Users {
  /** Makes the user or finds it. Throws `Refusal` where somebody disabled it there. */
  ensure(deploymentId: string, accountId: AccountId, signal: AbortSignal): Promise<'made' | 'found'>
  /** Sets the password that the accounts keep. */
  renewPassword(deploymentId: string, accountId: AccountId, signal: AbortSignal): Promise<void>
  grant(user: string, connectionId: string, signal: AbortSignal): Promise<void>
  revoke(user: string, connectionIds: readonly string[], signal: AbortSignal): Promise<void>
  /** No new login; what is open stays so. */
  disable(user: string, signal: AbortSignal): Promise<void>
  remove(user: string, signal: AbortSignal): Promise<void>
  names(signal: AbortSignal): Promise<readonly string[]>
}

export const userPath = (user: string): string => `users/${encodeURIComponent(user)}`

export function createUsers(api: Api, accounts: AccessAccounts): Users {
  const find = async (user: string, signal: AbortSignal) => await api.read(userPath(user), userShape, signal)

  /** Always the whole: without `disabled` a PUT would enable the user. */
  async function put(
    user: string,
    change: { disabled: boolean; password?: string },
    signal: AbortSignal,
  ): Promise<void> {
    await persist(api, 'a change of the user', signal, async () => {
      const json = { username: user, ...change, attributes: {} }
      const done = await api.change({ method: 'PUT', path: userPath(user), json }, signal)
      return done.kind === 'unclear' || done.kind === 'duplicate' ? null : true
    })
  }

  const patches = (op: 'add' | 'remove', ids: readonly string[]) =>
    ids.map((id) => ({ op, path: `/connectionPermissions/${id}`, value: 'READ' }))

  return {
    async ensure(deploymentId, accountId, signal) {
      const username = userName(deploymentId, accountId)
      const password = await accounts.password(accountId)
      return await persist(api, 'the user', signal, async () => {
        const json = { username, password, attributes: {} }
        const made = await api.change({ method: 'POST', path: 'users', json }, signal)
        if (made.kind === 'done') return 'made'
        const found = await find(username, signal)
        if (found?.disabled === true) throw new Refusal('rejected', 'the user is disabled at the gateway')
        return found === null ? null : 'found'
      })
    },
    async renewPassword(deploymentId, accountId, signal) {
      const password = await accounts.password(accountId)
      await put(userName(deploymentId, accountId), { disabled: false, password }, signal)
    },
    async grant(user, connectionId, signal) {
      await persist(api, 'the right', signal, async () => {
        const json = patches('add', [connectionId])
        const granted = await api.change({ method: 'PATCH', path: `${userPath(user)}/permissions`, json }, signal)
        if (granted.kind === 'done') return true
        // Of equal grants that race, some are answered 500 though they are made.
        const held = await api.read(`${userPath(user)}/permissions`, permissionsShape, signal)
        return held?.connectionPermissions[connectionId]?.includes('READ') === true ? true : null
      })
    },
    async revoke(user, connectionIds, signal) {
      if (connectionIds.length === 0) return
      await persist(api, 'the withdrawal of the right', signal, async () => {
        const json = patches('remove', connectionIds)
        const revoked = await api.change({ method: 'PATCH', path: `${userPath(user)}/permissions`, json }, signal)
        return revoked.kind === 'unclear' ? null : true
      })
    },
    disable: async (user, signal) => {
      if ((await find(user, signal)) !== null) await put(user, { disabled: true }, signal)
    },
    async remove(user, signal) {
      await persist(api, 'the removal of the user', signal, async () => {
        const gone = await api.change({ method: 'DELETE', path: userPath(user) }, signal)
        return gone.kind === 'unclear' ? null : true
      })
    },
    names: async (signal) => Object.keys((await api.read('users', usersShape, signal)) ?? {}),
  }
}
