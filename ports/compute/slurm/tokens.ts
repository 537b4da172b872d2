import { readFile } from 'node:fs/promises'
import { setTimeout as wait } from 'node:timers/promises'
import { decodeJwt, SignJWT } from 'jose'
import type { JWTPayload } from 'jose'
import { NoToken, SlurmFailure } from './failure.ts'
import type { SlurmSettings } from './settings.ts'
import { isReserved } from './users.ts'

/** As whom one call is made. */
export interface Pass {
  readonly user: string
  readonly token: string
}

/** Throws `SlurmFailure` where no good token is to be had: Slurm itself would not say that it is for the token. */
export interface Tokens {
  /** For what is done with one user's jobs. Never for root, Slurm itself or another user of the system. Throws `NoToken` for one who lacks their own. */
  as(user: string): Promise<Pass>
  /** For looking. */
  reader(): Promise<Pass>
  /** When the one token ends, ms since the epoch; `null` where each use has one of its own. */
  expiresAt(): Promise<number | null>
}

type TokenSettings = Pick<
  SlurmSettings,
  'auth' | 'user' | 'token' | 'tokenFile' | 'key' | 'keyFile' | 'tokenSeconds' | 'refusedUsers'
>

/** A token of fewer seconds left is as good as ended: the call takes time, and clocks differ. */
const leastSeconds = 5
const mostKept = 1_000
/** Whoever writes a token's file anew is done with it by then. */
const rewrittenMs = 1_000

export function createTokens(
  settings: TokenSettings,
  now: () => number = Date.now,
  pause: (ms: number) => Promise<unknown> = wait,
): Tokens {
  const minted = new Map<string, { readonly token: string; readonly renewAt: number }>()

  async function mint(user: string): Promise<string> {
    const kept = minted.get(user)
    if (kept !== undefined && now() < kept.renewAt) return kept.token
    const iat = Math.floor(now() / 1_000)
    const token = await new SignJWT({ sun: user })
      .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
      .setIssuedAt(iat)
      .setExpirationTime(iat + settings.tokenSeconds)
      .sign(await readKey(settings))
    if (minted.size >= mostKept) minted.clear()
    minted.set(user, { token, renewAt: now() + settings.tokenSeconds * 500 })
    return token
  }

  async function read(path: string): Promise<string> {
    const token = await readToken(path)
    if (payloadOf(token) !== null) return token
    await pause(rewrittenMs)
    return await readToken(path)
  }

  async function tokenOf(user: string): Promise<string> {
    switch (settings.auth) {
      case 'key':
        return await mint(user)
      case 'token':
      case 'files':
        return good(settings.token ?? (await read(tokenPath(settings, user))), now())
      default:
        return settings.auth satisfies never
    }
  }

  return {
    async as(user) {
      if (isReserved(user, settings)) throw new SlurmFailure(`no token is used for the user ${user}`)
      try {
        return { user, token: await tokenOf(user) }
      } catch (error) {
        throw settings.auth === 'files' && error instanceof SlurmFailure ? new NoToken(error.message) : error
      }
    },
    reader: async () => ({ user: settings.user, token: await tokenOf(settings.user) }),
    async expiresAt() {
      if (settings.auth === 'key') return null
      const { exp } = decodeJwt(await tokenOf(settings.user))
      return exp === undefined ? null : exp * 1_000
    },
  }
}

const tokenPath = ({ tokenFile = '' }: TokenSettings, user: string) => tokenFile.replaceAll('{user}', user)

async function readKey({ key, keyFile }: TokenSettings): Promise<Uint8Array> {
  if (key !== undefined) return Buffer.from(key, 'base64')
  try {
    return await readFile(keyFile ?? '')
  } catch {
    throw new SlurmFailure('the key file cannot be read')
  }
}

async function readToken(path: string): Promise<string> {
  try {
    const text = await readFile(path, 'utf8')
    // As `scontrol token` prints it, or the token alone.
    return text.trim().replace(/^SLURM_JWT=/, '')
  } catch {
    throw new SlurmFailure('the token file cannot be read')
  }
}

/** The token, unless it says of itself that it is over. */
function good(token: string, now: number): string {
  const payload = payloadOf(token)
  if (payload === null) throw new SlurmFailure('the token is no JWT')
  const { exp } = payload
  if (exp !== undefined && exp * 1_000 < now + leastSeconds * 1_000) throw new SlurmFailure('the token has expired')
  return token
}

/** `null`: it is no JWT. */
function payloadOf(token: string): JWTPayload | null {
  try {
    return decodeJwt(token)
  } catch {
    return null
  }
}
