import { can, rights, scopes, verdicts } from '../../domain/authorization.ts'
import type { Actor, Relation, Right } from '../../domain/authorization.ts'
import type { Route } from '../../api/route.ts'

interface Column {
  readonly name: string
  readonly actor?: Partial<Actor>
  readonly to?: Relation
}

/** Who asks, each with a token of every scope: what one is by oneself, or to the thing, and nothing else. */
const columns: readonly Column[] = [
  { name: 'any account' },
  { name: 'owner', to: { isOwner: true } },
  { name: 'acting for the owner', actor: { actingFor: true }, to: { isOwner: true } },
  { name: 'project viewer', to: { projectRole: 'viewer' } },
  { name: 'project editor', to: { projectRole: 'editor' } },
  { name: 'project owner', to: { projectRole: 'owner' } },
  { name: 'collaborator', to: { isCollaborator: true } },
  { name: 'invited', to: { isInvited: true } },
  { name: 'shares a project', to: { sharesProject: true } },
  { name: 'provisioner', to: { isProvisioner: true } },
  { name: 'operator', actor: { roles: ['member', 'operator'] } },
  { name: 'admin', actor: { roles: ['member', 'admin'] } },
]
const anyone: Actor = { accountId: 'a', roles: ['member'], scopes, actingFor: false, disabled: false }
const words = { yes: 'yes', no: '403', hidden: '·' } as const

const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')

/** The page about who may do what, in Markdown; not formatted yet. */
export function authorizationPage(routes: readonly Route[]): string {
  const all = Object.keys(rights) as Right[]
  const cells = (right: Right) =>
    columns.map(({ actor = {}, to = {} }) => words[can({ ...anyone, ...actor }, right, to)])
  const open = (right: Right) => rights[right].scope === null
  return `# Who may do what

This page is made of [the matrix](../domain/authorization.ts) and the registry of routes by \`npm run authorization\`; a test compares.

An account has **roles** (\`member\`, \`operator\`, \`admin\`), a place in **projects** (\`owner\`, \`editor\`, \`viewer\`), and is something to each
**thing**: its owner, a collaborator of a session, invited. A token has **scopes** and never more than its account has at the moment of use.
What no row gives is refused.

- No token, or an expired, revoked or disabled account's: 401, everywhere but in what is open to all.
- A token without the scope: 403, before anything is looked up. \`sessions\`, \`projects\` and \`admin\` hold \`read\`.
- Who may not know of a thing gets 404, exactly as of what is not there. Who may know, but not do: 403.
- What only a person does (*in a browser*), no token does, whatever its scopes: 403 \`browser_required\`.
- Who acts for somebody (\`Carrel-On-Behalf-Of\`) has at most that account's rights as a member, never a role's.

## Rights

\`yes\`: may. \`403\`: is told that it may not. \`·\`: is told nothing (404). Whoever stands in several columns has the best of them. What is open
asks for no token; addresses that only some know, and instances' own tokens, are checked beside this table.

${table(
  ['right', 'scope', 'about', ...columns.map(({ name }) => name)],
  all.map((right) => [
    `\`${right}\``,
    open(right) ? 'none' : `\`${rights[right].scope}\``,
    rights[right].relation,
    ...(open(right) ? columns.map(() => 'open') : cells(right)),
  ]),
)}

## What a right is about

${table(
  ['about', 'may', 'is told no'],
  Object.entries<{ readonly may: readonly string[]; readonly knows?: readonly string[] }>(verdicts).map(
    ([relation, { may, knows = [] }]) => [relation, may.join(', '), knows.join(', ')],
  ),
)}

## Routes

${table(
  ['operation', 'method', 'path', 'right', 'scope'],
  routes.map(({ operationId, method, path, right, attended }) => [
    operationId,
    method,
    `\`${path}\``,
    `\`${right}\``,
    `${rights[right].scope === null ? 'none' : `\`${rights[right].scope}\``}${attended ? ', in a browser' : ''}`,
  ]),
)}
`
}

/** The same as it stands in the repository. */
export async function formattedAuthorizationPage(routes: readonly Route[]): Promise<string> {
  const { format, resolveConfig } = await import('prettier')
  const config = await resolveConfig(new URL('../../docs/authorization.md', import.meta.url))
  return await format(authorizationPage(routes), { ...config, parser: 'markdown' })
}
