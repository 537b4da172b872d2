import type { AccountId } from '../../domain/ids.ts'
import type { DoorUse, SessionDoors } from './access-gateway.ts'

/** A live login of an account at one node of a gateway. `value` is a secret. */
export interface AccountToken {
  readonly node: string
  readonly value: string
}

/**
 * What a driver must remember between calls and processes, kept by its caller (secrets encrypted at rest, one store per
 * gateway). Errors of the store pass through the driver unchanged.
 */
export interface AccessAccounts {
  /** The account's password at the gateway: 32 random bytes as text, made and kept at the first asking, the same for all askers. */
  password(accountId: AccountId): Promise<string>
  /** The token that the account's open pages hold, as far as known. */
  token(accountId: AccountId): Promise<AccountToken | null>
  /**
   * Replaces the token only where `expected` (by value) is the one kept, and answers what is kept then: of two that
   * race, both learn the winner's.
   */
  swapToken(
    accountId: AccountId,
    expected: AccountToken | null,
    next: AccountToken | null,
  ): Promise<AccountToken | null>
  /** Notes a use before anything is made for it. `ended`: the doors were closed, and nothing is noted. */
  noteUse(use: DoorUse): Promise<'noted' | 'ended'>
  dropUse(use: DoorUse): Promise<void>
  /** The noted uses of these doors. */
  usesOf(doors: SessionDoors): Promise<readonly DoorUse[]>
  /** The noted uses of an account, in all its sessions of this deployment. */
  usesBy(deploymentId: string, accountId: AccountId): Promise<readonly DoorUse[]>
  /** Says for ever that these doors are closed; before anything of them is removed. */
  end(doors: SessionDoors): Promise<void>
  isEnded(doors: SessionDoors): Promise<boolean>
}

const doorsKey = ({ deploymentId, sessionId, generation }: SessionDoors) => `${deploymentId} ${sessionId} ${generation}`
const useKey = (use: DoorUse) => `${doorsKey(use)} ${use.door} ${use.mode} ${use.accountId}`

/** Keeps them in memory, for development and tests; share one among drivers to play several processes. */
export function createMemoryAccounts(): AccessAccounts {
  const passwords = new Map<AccountId, string>()
  const tokens = new Map<AccountId, AccountToken>()
  const uses = new Map<string, DoorUse>()
  const ended = new Set<string>()
  return {
    password(accountId) {
      const password = passwords.get(accountId) ?? crypto.getRandomValues(Buffer.alloc(32)).toString('base64url')
      passwords.set(accountId, password)
      return Promise.resolve(password)
    },
    token: (accountId) => Promise.resolve(tokens.get(accountId) ?? null),
    swapToken(accountId, expected, next) {
      const kept = tokens.get(accountId) ?? null
      if (kept?.value !== expected?.value) return Promise.resolve(kept)
      if (next === null) tokens.delete(accountId)
      else tokens.set(accountId, next)
      return Promise.resolve(next)
    },
    noteUse(use) {
      if (ended.has(doorsKey(use))) return Promise.resolve('ended')
      uses.set(useKey(use), use)
      return Promise.resolve('noted')
    },
    dropUse: (use) => Promise.resolve(void uses.delete(useKey(use))),
    usesOf: (doors) => Promise.resolve([...uses.values()].filter((use) => doorsKey(use) === doorsKey(doors))),
    usesBy: (deploymentId, accountId) =>
      Promise.resolve(
        [...uses.values()].filter((use) => use.deploymentId === deploymentId && use.accountId === accountId),
      ),
    end: (doors) => Promise.resolve(void ended.add(doorsKey(doors))),
    isEnded: (doors) => Promise.resolve(ended.has(doorsKey(doors))),
  }
}
