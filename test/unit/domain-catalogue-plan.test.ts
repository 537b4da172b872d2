import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isWithdrawal } from '../../domain/catalogue.ts'
import type { CatalogueExperiment, CatalogueListing, CatalogueProject } from '../../domain/catalogue.ts'
import { planSync, withheldOf } from '../../domain/catalogue-plan.ts'
import type { KnownCatalogue, ReadListing } from '../../domain/catalogue-plan.ts'

const experiment = (externalId: string, over: Partial<CatalogueExperiment> = {}): CatalogueExperiment => ({
  externalId,
  name: externalId,
  description: '',
  instrument: null,
  starts: null,
  ends: null,
  posix: null,
  datasets: [],
  members: null,
  ...over,
})
const project = (externalId: string, over: Partial<CatalogueProject> = {}): CatalogueProject => ({
  externalId,
  name: externalId,
  description: '',
  experiments: [],
  members: [],
  partial: false,
  ...over,
})
const listing = (projects: readonly CatalogueProject[], unreadable = 0): CatalogueListing => ({
  projects,
  faults: [],
  unreadable,
})
const of = (accountId: string | null, ...projects: readonly CatalogueProject[]): ReadListing => ({
  accountId,
  listing: listing(projects),
})
const nothing: KnownCatalogue = { projects: [], experiments: [], members: [], admitted: [] }
const member = (at: string, accountId: string, over: object = {}) => ({
  project: at,
  accountId,
  role: 'editor' as const,
  isOurs: true,
  isRoleOurs: false,
  isActive: true,
  ...over,
})
const known = (e: CatalogueExperiment, at: string) => ({
  ...e,
  project: at,
  isNamed: e.members !== null,
  isWithdrawn: false,
})
const sameName = (login: string) => [login]
const plan = (listings: readonly ReadListing[], is: KnownCatalogue) =>
  planSync({ listings, known: is, accountsOf: sameName }).actions

test('the first sync makes all that is said, and nothing else', () => {
  expect(
    plan([of('ada', project('P', { experiments: [experiment('P/1')] })), of('max', project('P'))], nothing),
  ).toEqual([
    { do: 'addProject', project: 'P' },
    { do: 'addExperiment', project: 'P', experiment: 'P/1' },
    { do: 'addMember', project: 'P', accountId: 'ada', role: null },
    { do: 'addMember', project: 'P', accountId: 'max', role: null },
  ])
})

test('what a person’s own list names no more is taken from that person alone, and what people made is never', () => {
  const is = { ...nothing, projects: [project('P')], members: [member('P', 'ada'), member('P', 'max')] }
  expect(plan([of('ada')], is)).toEqual([{ do: 'withdrawMember', project: 'P', accountId: 'ada' }])
  const manual = { ...is, members: [member('P', 'ada', { isOurs: false }), member('P', 'max', { isOurs: false })] }
  expect(plan([of('ada'), of(null)], manual)).toEqual([])
})

test('a list of everything takes from everybody whom it names no more', () => {
  const is = { ...nothing, projects: [project('P')], members: [member('P', 'ada'), member('P', 'max')] }
  const says = project('P', { members: [{ login: 'max', role: null }] })
  expect(plan([of(null, says)], is)).toEqual([{ do: 'withdrawMember', project: 'P', accountId: 'ada' }])
})

test('what cannot be read takes nothing away', () => {
  const is = {
    ...nothing,
    projects: [project('P'), project('Q')],
    experiments: [known(experiment('P/1'), 'P'), known(experiment('Q/1'), 'Q')],
    members: [member('P', 'ada'), member('Q', 'ada')],
  }
  // A record that does not say which it is could be any, also one more of a project that another record names.
  for (const accountId of ['ada', null])
    expect(plan([{ accountId, listing: listing([project('P')], 1) }], is).filter(isWithdrawal)).toEqual([])
  expect(plan([{ accountId: 'ada', listing: listing([project('P', { partial: true })], 1) }], is)).toEqual([])
  expect(plan([{ accountId: null, listing: listing([], 1) }], is)).toEqual([])
  // And nobody was asked: there is no list.
  expect(plan([], is)).toEqual([])
})

test('an experiment goes once all who belong to its project were heard, and not by the list of one of them', () => {
  const is = {
    ...nothing,
    projects: [project('P'), project('Q')],
    experiments: [known(experiment('P/1'), 'P'), known(experiment('Q/1'), 'Q')],
    members: [
      member('P', 'ada'),
      member('P', 'max'),
      member('P', 'guest', { isOurs: false }),
      member('P', 'gone', { isActive: false }),
      member('Q', 'max'),
    ],
  }
  const taken = (...lists: readonly ReadListing[]) => plan(lists, is).filter(isWithdrawal)
  expect(taken(of('max', project('P'), project('Q', { experiments: [experiment('Q/1')] })))).toEqual([])
  const both = [of('ada', project('P')), of('max', project('P'), project('Q', { experiments: [experiment('Q/1')] }))]
  expect(taken(...both)).toEqual([{ do: 'withdrawExperiment', project: 'P', experiment: 'P/1' }])
  // One of them still sees it.
  expect(taken(of('ada', project('P', { experiments: [experiment('P/1')] })), both[1] as ReadListing)).toEqual([])
  // Nobody is left whom it could be for.
  expect(taken(of('max', project('P')))).toEqual([
    { do: 'withdrawExperiment', project: 'Q', experiment: 'Q/1' },
    { do: 'withdrawMember', project: 'Q', accountId: 'max' },
  ])
  // Those whom people let in keep it.
  const local = { ...is, members: [...is.members, member('Q', 'guest', { isOurs: false })] }
  expect(plan([of('max', project('P'))], local)).toEqual([{ do: 'withdrawMember', project: 'Q', accountId: 'max' }])
  // What a list cannot say in full it may yet say, of those too who are new.
  const unread = { accountId: 'ada', listing: listing([project('P'), project('Q')], 1) }
  expect(taken(unread, of('max', project('P')))).toEqual([{ do: 'withdrawMember', project: 'Q', accountId: 'max' }])
})

test('a role is the catalogue’s where it says one, and else for people here', () => {
  const says = (role: 'owner' | null) => [of(null, project('P', { members: [{ login: 'ada', role }] }))]
  const is = (over: object) => ({ ...nothing, projects: [project('P')], members: [member('P', 'ada', over)] })
  const change = (role: 'owner' | null) => [{ do: 'changeRole', project: 'P', accountId: 'ada', role }]
  expect(plan(says(null), is({ role: 'viewer' }))).toEqual([])
  expect(plan(says('owner'), is({ role: 'viewer' }))).toEqual(change('owner'))
  expect(plan(says('owner'), is({ role: 'owner' }))).toEqual(change('owner'))
  expect(plan(says('owner'), is({ role: 'owner', isRoleOurs: true }))).toEqual([])
  expect(plan(says(null), is({ role: 'owner', isRoleOurs: true }))).toEqual(change(null))
  expect(plan(says('owner'), is({ role: 'viewer', isOurs: false }))).toEqual([])
})

test('what single persons’ lists take is bounded together, as one of everybody is', () => {
  const is = { ...nothing, projects: [project('P')], members: [member('P', 'ada')] }
  const one = planSync({ listings: [of('ada')], known: is, accountsOf: sameName })
  const bound = { taken: 9, extent: 50, isWithheld: false }
  expect(withheldOf(one, 0, bound)).toBeNull()
  expect(withheldOf(one, 0, { ...bound, taken: 10 })).toBe(1)
  expect(withheldOf(one, 0, { ...bound, taken: 0, isWithheld: true })).toBe(1)
  expect(withheldOf({ actions: [], extent: 1 }, 0, { ...bound, isWithheld: true })).toBeNull()
})

test('experiments change, go, and come back, with their project’s word alone', () => {
  const is = {
    ...nothing,
    projects: [project('P')],
    experiments: [
      known(experiment('P/1'), 'P'),
      known(experiment('P/2'), 'P'),
      { ...known(experiment('P/3'), 'P'), isWithdrawn: true },
      known(experiment('Q/1'), 'Q'),
    ],
    members: [member('P', 'ada')],
  }
  const says = project('P', { experiments: [experiment('P/1', { ends: '2026-03-30' }), experiment('P/3')] })
  expect(plan([of('ada', says)], is)).toEqual([
    { do: 'changeExperiment', project: 'P', experiment: 'P/1' },
    { do: 'changeExperiment', project: 'P', experiment: 'P/3' },
    { do: 'withdrawExperiment', project: 'P', experiment: 'P/2' },
  ])
})

test('data that is for named people is theirs alone', () => {
  const one = experiment('7', { members: [{ login: 'ada', role: 'owner' }] })
  const members = [
    { login: 'ada', role: 'owner' as const },
    { login: 'ada', role: 'editor' as const },
    { login: 'max', role: 'editor' as const },
  ]
  const is = {
    ...nothing,
    projects: [project('P')],
    experiments: [known(one, 'P')],
    members: [member('P', 'max')],
    admitted: [{ project: 'P', experiment: '7', accountId: 'max' }],
  }
  expect(plan([of(null, project('P', { experiments: [one], members }))], is)).toEqual([
    { do: 'addMember', project: 'P', accountId: 'ada', role: 'owner' },
    { do: 'changeRole', project: 'P', accountId: 'max', role: 'editor' },
    { do: 'admit', project: 'P', experiment: '7', accountId: 'ada' },
    { do: 'dismiss', project: 'P', experiment: '7', accountId: 'max' },
  ])
})

test('more than a fifth, and more than five, waits for an operator, who allows so many', () => {
  const accounts = Array.from({ length: 40 }, (_, n) => `a${n}`)
  const is = { ...nothing, projects: [project('P')], members: accounts.map((a) => member('P', a)) }
  const left = (count: number) =>
    planSync({
      listings: [of(null, project('P', { members: accounts.slice(count).map((login) => ({ login, role: null })) }))],
      known: is,
      accountsOf: sameName,
    })
  expect(withheldOf(left(8), 0)).toBeNull()
  expect(withheldOf(left(9), 0)).toBe(9)
  expect(withheldOf(left(9), 8)).toBe(9)
  expect(withheldOf(left(9), 9)).toBeNull()
})

test('a plan that was carried out leaves nothing to do, whatever was said', () => {
  const logins = fc.constantFrom('ada', 'max', 'eve')
  const projects = fc.uniqueArray(
    fc.record({
      externalId: fc.constantFrom('P', 'Q', 'R'),
      experiments: fc.uniqueArray(fc.constantFrom('1', '2'), { maxLength: 2 }),
      members: fc.uniqueArray(logins, { maxLength: 3 }),
    }),
    { selector: (p) => p.externalId },
  )
  fc.assert(
    fc.property(projects, projects, (before, after) => {
      const listingOf = (all: typeof before) =>
        of(
          null,
          ...all.map((p) =>
            project(p.externalId, {
              experiments: p.experiments.map((n) => experiment(`${p.externalId}/${n}`)),
              members: p.members.map((login) => ({ login, role: null })),
            }),
          ),
        )
      const first = carried(nothing, plan([listingOf(before)], nothing))
      const actions = plan([listingOf(after)], first)
      expect(plan([listingOf(after)], carried(first, actions))).toEqual([])
      expect(plan([listingOf(before)], first).filter(isWithdrawal)).toEqual([])
    }),
  )
})

/** What is known once these were done. */
function carried(is: KnownCatalogue, actions: ReturnType<typeof plan>): KnownCatalogue {
  const all = {
    projects: [...is.projects],
    experiments: [...is.experiments],
    members: [...is.members],
    admitted: [...is.admitted],
  }
  for (const action of actions)
    if (action.do === 'addProject') all.projects.push(project(action.project))
    else if (action.do === 'addExperiment') all.experiments.push(known(experiment(action.experiment), action.project))
    else if (action.do === 'addMember') all.members.push(member(action.project, action.accountId))
    else if (action.do === 'withdrawMember')
      all.members = all.members.filter((m) => m.project !== action.project || m.accountId !== action.accountId)
    else if (action.do === 'withdrawExperiment' || action.do === 'changeExperiment')
      all.experiments = all.experiments.map((e) =>
        e.externalId === action.experiment ? { ...e, isWithdrawn: action.do === 'withdrawExperiment' } : e,
      )
  return all
}
