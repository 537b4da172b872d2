import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { CatalogueListing } from '../../../domain/catalogue.ts'
import { createCsv } from '../../../ports/identity/catalogue/csv/catalogue.ts'
import { createFakeCatalogue } from '../../../ports/identity/catalogue/fake/catalogue.ts'
import { createIcat } from '../../../ports/identity/catalogue/icat/catalogue.ts'
import { createUserOffice } from '../../../ports/identity/catalogue/user-office/catalogue.ts'
import { describeCatalogue } from '../../conformance/catalogue.ts'
import { createFaultProxy } from '../../support/fault-proxy.ts'
import { startIcat } from '../../support/catalogue/icat.ts'
import type { Sketch } from '../../support/catalogue/sketch.ts'
import { startUserOffice } from '../../support/catalogue/user-office.ts'

const account = { plugin: 'db', username: 'carrel', password: 'a secret' }

describeCatalogue('of a user office', async () => {
  const office = await startUserOffice(account)
  const proxy = await createFaultProxy({ target: office.url })
  const url = `${proxy.url}/users/$USERNAME/proposals`
  const settings = { ...account, url, defaultPosix: null, pageSize: 10 }
  return {
    catalogue: createUserOffice({ ...settings, timeoutMs: 20_000 }),
    hasty: createUserOffice({ ...settings, timeoutMs: 500 }),
    proxy,
    says(sketches) {
      office.loses(0)
      office.says(sketches)
    },
    spoils(sketches) {
      office.loses(0)
      office.says(sketches)
      const [good] = sketches
      office.records('ada', [
        ...sketches.map(({ project, title }) => ({ proposal_id: project, subject: title, sessions: [] })),
        { proposal_id: '.', subject: good?.title },
      ])
    },
    cutOff(sketches) {
      office.says(sketches)
      office.loses(1)
    },
    async close() {
      await proxy.close()
      await office.close()
    },
  }
})

describeCatalogue('of ICAT', async () => {
  const icat = await startIcat(account)
  const proxy = await createFaultProxy({ target: icat.url })
  const settings = {
    ...account,
    url: `${proxy.url}/icat`,
    statuses: ['all', 'released'],
    ownerRoles: ['Principal investigator'],
    datasets: [],
    defaultPosix: null,
  } as const
  return {
    catalogue: createIcat({ ...settings, timeoutMs: 20_000 }),
    hasty: createIcat({ ...settings, timeoutMs: 500 }),
    proxy,
    says: (sketches) => icat.says(sketches),
    spoils: (sketches) =>
      icat.records(
        sketches.flatMap(({ project, experiments }) => [
          ...experiments.map(({ id, starts }) => ({ id, name: project, startDate: `${starts}T00:00:00Z` })),
          { id: `${project}x`, name: project, startDate: 'one of these days' },
        ]),
        {},
      ),
    // One of the lists that it is made of does not come.
    async cutOff(sketches) {
      icat.says(sketches)
      proxy.loseNext((_, path) => path.endsWith('/investigationusers'))
    },
    async close() {
      await proxy.close()
      await icat.close()
    },
  }
})

const lineOf = (words: readonly string[]): string => words.map((word) => `"${word.replaceAll('"', '""')}"`).join(',')
const header = 'login,role,project,title,experiment,instrument,starts,ends'
const textOf = (sketches: readonly Sketch[]): string =>
  [
    header,
    ...sketches.flatMap(({ project, title, experiments, members }) => [
      ...experiments.map((e) => lineOf(['', '', project, title, e.id, e.instrument, e.starts, e.ends])),
      ...members.map(({ login, role }) => lineOf([login, role, project, title, '', '', '', ''])),
    ]),
    '',
  ].join('\r\n')

describeCatalogue('of CSV', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'carrel-catalogue-'))
  const file = join(directory, 'members.csv')
  return {
    catalogue: createCsv({ file }),
    says: async (sketches) => await writeFile(file, textOf(sketches)),
    spoils: async (sketches) => await writeFile(file, `${textOf(sketches)}ada,editor,P0001\r\n`),
    cutOff: async (sketches) => await writeFile(file, textOf(sketches).slice(0, -4)),
    close: async () => await rm(directory, { recursive: true }),
  }
})

describeCatalogue('in memory', async () => {
  const catalogue = createFakeCatalogue('whole')
  const listingOf = (sketches: readonly Sketch[]): CatalogueListing => ({
    projects: sketches.map(({ project, title, experiments, members }) => ({
      externalId: project,
      name: title,
      description: '',
      experiments: experiments.map(({ id, instrument, starts, ends }) => ({
        externalId: id,
        name: id,
        description: '',
        instrument,
        starts,
        ends,
        posix: null,
        datasets: [],
        members: null,
      })),
      members,
      partial: false,
    })),
    faults: [],
    unreadable: 0,
  })
  return {
    catalogue: {
      ...catalogue,
      async list(ask, allowed, signal) {
        signal.throwIfAborted()
        return await catalogue.list(ask, allowed, signal)
      },
    },
    says(sketches) {
      catalogue.answers(true)
      catalogue.says(null, listingOf(sketches))
    },
    spoils(sketches) {
      catalogue.answers(true)
      const faults = [{ record: '3', field: 'name', message: 'Expected one.' }]
      catalogue.says(null, { ...listingOf(sketches), faults, unreadable: 1 })
    },
    cutOff: () => catalogue.answers('away'),
    close: async () => {},
  }
})
