import { sql } from 'kysely'
import type { AccountId } from '../domain/ids.ts'
import { accountRows, accountView } from './accounts.ts'
import type { Account } from './accounts.ts'
import type { Executor } from './connect.ts'
import { pageOf } from './paging.ts'
import type { Page, PageAsk } from './paging.ts'

/** What an admin looks for. Each word of `search` must be in a name, an address, an organisation or an identity. */
export interface AccountFilter {
  readonly search?: string | undefined
  readonly role?: string | undefined
  readonly disabled?: boolean | undefined
}

const wordsOf = (search: string | undefined): string[] =>
  (search ?? '')
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '')

const has = (text: string) => (word: string) => sql<boolean>`position(${word} in lower(${sql.raw(text)})) > 0`
const inOwn = has(`concat_ws(' ', account.display_name, account.email, account.organisation, account.id)`)
const inIdentity = has(`concat_ws(' ', i.subject, i.issuer, i.email, i.claims ->> 'login')`)
const inPublic = has(`concat_ws(' ', account.display_name, account.organisation)`)

/** Accounts, newest first; disabled ones too. */
export async function listAccounts(
  executor: Executor,
  { after, limit }: PageAsk,
  { search, role, disabled }: AccountFilter = {},
): Promise<Page<Account>> {
  let rows = accountRows(executor)
  for (const word of wordsOf(search))
    rows = rows.where((eb) =>
      eb.or([
        inOwn(word),
        eb.exists(
          eb
            .selectFrom('identity as i')
            .select('i.subject')
            .whereRef('i.account_id', '=', 'account.id')
            .where(inIdentity(word)),
        ),
      ]),
    )
  const found = await rows
    .$if(after !== null, (q) => q.where('account.id', '<', after as AccountId))
    .$if(role !== undefined, (q) => q.where(sql<boolean>`${role} = any(account.roles)`))
    .$if(disabled === true, (q) => q.where('account.disabled_at', 'is not', null))
    .$if(disabled === false, (q) => q.where('account.disabled_at', 'is', null))
    .orderBy('account.id', 'desc')
    .limit(limit + 1)
    .execute()
  return pageOf(found, limit, accountView)
}

/** Somebody as others see them who work with them. */
export interface Peer {
  readonly id: AccountId
  readonly displayName: string
  readonly organisation: string | null
}

/** Both belong to one project that is open, and neither is out. `viewer` is text of SQL. */
const sharesProject = (viewer: AccountId) => sql<boolean>`(account.disabled_at is null and exists (
  select from project_member mine join project_member theirs using (project_id) join project p on p.id = mine.project_id
  where mine.account_id = ${viewer} and theirs.account_id = account.id and p.closed_at is null))`

/** Those whom the account shares a project with, itself among them, newest first; searched by what it sees of them alone. */
export async function listPeers(
  executor: Executor,
  viewer: AccountId,
  { after, limit }: PageAsk,
  search?: string,
): Promise<Page<Peer>> {
  let rows = peers(executor).where(sharesProject(viewer))
  for (const word of wordsOf(search)) rows = rows.where(inPublic(word))
  const found = await rows
    .$if(after !== null, (q) => q.where('account.id', '<', after as AccountId))
    .orderBy('account.id', 'desc')
    .limit(limit + 1)
    .execute()
  return pageOf(found, limit, peerView)
}

const peers = (executor: Executor) =>
  executor.selectFrom('account').select(['account.id', 'account.display_name', 'account.organisation'])
const peerView = (row: { id: AccountId; display_name: string; organisation: string | null }): Peer => ({
  id: row.id,
  displayName: row.display_name,
  organisation: row.organisation,
})

/** Whether the accounts work together: what `listPeers` shows of one to the other, reading it shows as well. */
export async function arePeers(executor: Executor, viewer: AccountId, id: AccountId): Promise<boolean> {
  const row = await peers(executor).where('account.id', '=', id).where(sharesProject(viewer)).executeTakeFirst()
  return row !== undefined
}
