import { randomBytes, randomUUID } from 'node:crypto'
import { banned, dead, internal } from './answers.ts'
import type { Database, User } from './database.ts'
import type { Tunnel } from './tunnels.ts'

/** A login at one node. It holds the user as it was at that moment, so it outlives the user's deletion. */
export interface Login {
  readonly token: string
  readonly username: string
  /** `null`: entered with a key alone. */
  readonly user: User | null
  /** When this user had last logged in before. */
  readonly previousLogin: number | null
  lastUsed: number
  /** Keys of joined tunnels that this login may open. */
  readonly keys: Set<string>
  /** From an encrypted blob: connections of its own, in no directory. */
  readonly blob: Blob | null
}
export interface Blob {
  readonly username: string
  readonly connections: Readonly<Record<string, object>>
}

/** A key to join one tunnel; dies with it. */
export interface ShareKey {
  readonly key: string
  readonly tunnel: string
  readonly profileId: string
}

/** What one web application holds in memory: gone at its restart, unknown to the other nodes. */
export function createNodeState(db: Database) {
  const state = {
    db,
    logins: new Map<string, Login>(),
    keys: new Map<string, ShareKey>(),
    tunnels: new Map<string, Tunnel>(),
    blobs: new Map<string, Blob>(),
    failures: new Map<string, number>(),
    /** The token of the first request that failed after a start; `undefined`: none has failed yet. */
    firstFailure: undefined as string | null | undefined,
    /** How many POSTs to `/tokens` asked for a new login with a password, by user name. */
    passwordLogins: new Map<string, number>(),
    banning: false,
    idleMs: 60 * 60_000,
    now: () => Date.now(),

    login(fields: Pick<Login, 'username' | 'user'> & Partial<Login>): Login {
      const token = randomBytes(32).toString('hex').toUpperCase()
      const login = {
        token,
        previousLogin: null,
        lastUsed: state.now(),
        keys: new Set<string>(),
        blob: null,
        ...fields,
      }
      state.logins.set(login.token, login)
      return login
    },
    /** The live login of this token. Does not count as a use. */
    find(token: string | null | undefined): Login | undefined {
      const login = state.logins.get(token ?? '')
      if (login === undefined) return undefined
      const open = [...state.tunnels.values()].some((tunnel) => tunnel.login === login)
      if (open || state.now() - login.lastUsed <= state.idleMs) return login
      state.logins.delete(login.token)
      return undefined
    },
    /** The live login of this token, used now. Throws the answer for a dead one. */
    use(token: string | null): Login {
      const login = state.find(token)
      if (login === undefined) throw dead()
      login.lastUsed = state.now()
      return login
    },
    /** Ends the login and its open tunnels, but none that still connects. False where there was none. */
    logout(token: string): boolean {
      const login = state.logins.get(token)
      if (login === undefined) return false
      state.logins.delete(token)
      let ended = 0
      for (const tunnel of state.tunnels.values()) {
        if (tunnel.login !== login || tunnel.phase !== 'open') continue
        // With its database away the server gives up after the first.
        if (!db.up && ended > 0) break
        tunnel.end(1000, '0')
        ended += 1
      }
      if (!db.up) throw internal()
      return true
    },
    /** Remembers the first failing request; a failing login later ends *that request's* login, once. */
    failed(token: string | null, isLogin: boolean) {
      if (state.firstFailure === undefined) {
        state.firstFailure = token
        return
      }
      if (!isLogin || state.firstFailure === null) return
      const victim = state.firstFailure
      state.firstFailure = null
      if (state.logins.has(victim)) state.logout(victim)
    },
    /** Counts a failed login of an address. Throws 429 from the fifth on. */
    countFailure(address: string) {
      if (!state.banning) return
      const count = (state.failures.get(address) ?? 0) + 1
      state.failures.set(address, count)
      if (count >= 5) throw banned()
    },
    refuseBanned(address: string) {
      if (state.banning && (state.failures.get(address) ?? 0) >= 5) throw banned()
    },
    newKey(tunnel: string, profileId: string): ShareKey {
      const key = { key: randomBytes(33).toString('base64url'), tunnel, profileId }
      state.keys.set(key.key, key)
      return key
    },
    newUuid: () => randomUUID(),
    /** What a restart leaves: nothing. */
    forget() {
      state.logins.clear()
      state.keys.clear()
      state.failures.clear()
      state.firstFailure = undefined
    },
  }
  return state
}
export type NodeState = ReturnType<typeof createNodeState>
