import type { AccountId } from '../../../domain/ids.ts'
import type { AccessAccounts, AccountToken } from '../accounts.ts'
import type { Api } from './api.ts'
import { banMs, Refusal, Unavailable } from './endings.ts'
import type { Node } from './node.ts'
import { userName } from './names.ts'
import { tokenShape } from './shapes.ts'
import type { Tunnels } from './tunnels.ts'
import type { Users } from './users.ts'

/** A token of an account with the node where it lives. */
export interface PlacedToken {
  readonly node: Node
  readonly value: string
}

/** Whose token. */
export interface Who {
  readonly deploymentId: string
  readonly accountId: AccountId
}

export interface TokenWish {
  /** What came of the user a moment ago. */
  readonly user: 'made' | 'found'
  /** A connection that the account may open by now: a token of a user that was removed and made anew does not see it. */
  readonly sees: string | null
  /** Where it has to be; `null`: anywhere. */
  readonly at: Node | null
}

/** One live token per account, used by all its pages: the web client ends the one that it held when it is given another. */
export interface Tokens {
  /**
   * The account's token, its idle clock at zero; a new one where there is none that lives. Where it must be `at` one node,
   * it moves there, unless pages of the account are open elsewhere: then `Refusal`.
   */
  ensure(who: Who, wish: TokenWish, signal: AbortSignal): Promise<PlacedToken>
  /** Where the account's token is said to live; null where it has none. */
  known(accountId: AccountId): Promise<PlacedToken | null>
  /** The account's token is dead, and forgotten. A tunnel that still connects outlives it. */
  end(accountId: AccountId, signal: AbortSignal): Promise<void>
}

export interface TokenDeps {
  readonly api: Api
  readonly accounts: AccessAccounts
  readonly users: Users
  readonly tunnels: Tunnels
  readonly dataSource: string
  readonly now: () => number
}

export function createTokens({ api, accounts, users, tunnels, dataSource, now }: TokenDeps): Tokens {
  const asking = new Map<string, Promise<PlacedToken>>()
  const never = new AbortController().signal
  const placed = (token: AccountToken | null): PlacedToken | null => {
    const node = api.nodes.find(({ name }) => name === token?.node)
    return token === null || node === undefined ? null : { node, value: token.value }
  }
  const kept = ({ node, value }: PlacedToken): AccountToken => ({ node: node.name, value })

  /** Looks by a read, which is a use: a mere check would let it die under the page that gets it. */
  async function stateOf(
    { node, value }: PlacedToken,
    sees: string | null,
    signal: AbortSignal,
  ): Promise<'live' | 'useless' | 'dead'> {
    const path = `session/data/${dataSource}/${sees === null ? 'self' : `connections/${sees}`}`
    const { status } = await node.plain({ method: 'GET', path, token: value }, signal)
    if (status === 200) return 'live'
    if (status === 404) return 'useless'
    if (status === 403) return (await node.isLive(value, signal)) ? 'useless' : 'dead'
    throw api.unavailable(`a user's token was answered ${status}`)
  }

  async function drop({ node, value }: PlacedToken, signal: AbortSignal): Promise<void> {
    const { status } = await node.plain({ method: 'DELETE', path: `tokens/${value}` }, signal)
    // Also 500 may have ended it, with some of its tunnels left: asked again it is 404, and whoever lists kills those.
    if (status !== 204 && status !== 404) throw api.unavailable(`the end of a token was answered ${status}`)
  }

  async function logIn(node: Node, username: string, password: string): Promise<PlacedToken> {
    const reply = await node.plain({ method: 'POST', path: 'tokens', form: { username, password } }, never)
    if (reply.status === 200) return { node, value: api.understood(reply, tokenShape).authToken }
    if (reply.status === 429) throw new Unavailable(`${node.name}: logins are banned for a while`, now() + banMs)
    if (reply.status >= 500) throw api.unavailable(`a user's login was answered ${reply.status}`)
    throw new Refusal('rejected', `a user's login was refused (${reply.status})`)
  }

  /** An account's pages stay at one node: the same one each time, while it answers. */
  async function logInAt(at: Node | null, { deploymentId, accountId }: Who): Promise<PlacedToken> {
    const [username, password] = [userName(deploymentId, accountId), await accounts.password(accountId)]
    if (at !== null) return await logIn(at, username, password)
    const first = Array.from(accountId).reduce((sum, letter) => sum + (letter.codePointAt(0) ?? 0), 0)
    let last: unknown = api.unavailable('no node')
    for (let turn = 0; turn < api.nodes.length; turn++) {
      const node = api.nodes[(first + turn) % api.nodes.length]
      try {
        if (node !== undefined) return await logIn(node, username, password)
      } catch (error) {
        if (!(error instanceof Unavailable)) throw error
        last = error
      }
    }
    throw last
  }

  /** Whether its web pages are open: those of another node would be lost with the token. */
  async function isBusy({ node }: PlacedToken, { deploymentId, accountId }: Who): Promise<boolean> {
    const user = userName(deploymentId, accountId)
    return (await tunnels.list(never)).some((tunnel) => tunnel.node === node && tunnel.username === user)
  }

  async function obtain(who: Who, { user, sees, at }: TokenWish): Promise<PlacedToken> {
    const { deploymentId, accountId } = who
    const stored = await accounts.token(accountId)
    const old = placed(stored)
    if (old !== null) {
      const elsewhere = at !== null && old.node !== at
      if (elsewhere && (await isBusy(old, who)))
        throw new Refusal('nothing_to_view', 'it is open at another node than the pages of this account')
      const state = elsewhere ? 'useless' : await stateOf(old, sees, never)
      if (state === 'live') return old
      if (state === 'useless') await drop(old, never)
    }
    // The password first: a login that fails counts towards a ban.
    if (user === 'found') await users.renewPassword(deploymentId, accountId, never)
    const fresh = await logInAt(at, who)
    const winner = await accounts.swapToken(accountId, stored, kept(fresh))
    if (winner?.value === fresh.value) return fresh
    await drop(fresh, never)
    const other = placed(winner)
    if (other === null) throw api.unavailable('the token was ended meanwhile')
    return other
  }

  return {
    async ensure(who, wish, signal) {
      const key = `${who.accountId} ${wish.at?.name ?? ''}`
      const begun = asking.get(key) ?? obtain(who, wish).finally(() => asking.delete(key))
      asking.set(key, begun)
      const token = await begun
      if (signal.aborted) throw api.unavailable('cancelled')
      return token
    },
    known: async (accountId) => placed(await accounts.token(accountId)),
    async end(accountId, signal) {
      const stored = await accounts.token(accountId)
      if (stored === null) return
      const token = placed(stored)
      if (token !== null) await drop(token, signal)
      await accounts.swapToken(accountId, stored, null)
    },
  }
}
