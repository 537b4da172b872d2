import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'
import { callCompose, findCompose } from '../setup/compose-command.ts'

const variables = {
  COMPOSE_PROJECT_NAME: 'carrelconfig',
  CARREL_DATABASE_PASSWORD: 'c0ffee',
  TEMPORAL_DATABASE_PASSWORD: 'decaf0',
  CARREL_KEYS: `k1:${'A'.repeat(43)}=`,
  CARREL_CONFIGURATION: '/etc/carrel',
  DOCKER_GROUP_ID: '105',
}
const required = Object.keys(variables).filter((name) => name !== 'COMPOSE_PROJECT_NAME')

const compose = await findCompose()
const isCi = ![undefined, '', 'false', '0'].includes(process.env['CI'])
if (compose === null)
  console.warn('!! NOT RUN: there is no docker compose on this machine, so docker-compose.yaml was not checked by it.')

/** With CI set a machine without compose fails here, at the first call. */
const call = async (given: Readonly<Record<string, string>>) => {
  if (compose === null) throw new Error('There is no docker compose on this machine.')
  return await callCompose(compose, ['config'], given)
}
const leftOut = (name: string) => Object.fromEntries(Object.entries(variables).filter(([key]) => key !== name))

test.skipIf(compose === null && !isCi)(
  'compose takes the file as it is, with every variable in its place',
  async () => {
    const { code, stdout, stderr } = await call(variables)
    expect(stderr).toBe('')
    expect(code).toBe(0)
    const { services } = z.object({ services: z.record(z.string(), z.unknown()) }).parse(parse(stdout))
    const names = ['postgres', 'temporal', 'temporal-ui', 'bootstrap', 'api', 'worker-core', 'worker-docker']
    expect(Object.keys(services)).toEqual(expect.arrayContaining(names))
    expect(stdout).not.toMatch(/\$\{/)
  },
)

test.skipIf(compose === null && !isCi).each(required)('without %s compose stops and says so', async (name) => {
  expect(await call(leftOut(name))).toMatchObject(refusal(name))
})

test.skipIf(compose === null && !isCi)('a variable that is empty counts as missing', async () => {
  expect(await call({ ...variables, CARREL_KEYS: '' })).toMatchObject(refusal('CARREL_KEYS'))
})

const refusal = (name: string) => ({
  code: expect.toSatisfy((code: number) => code > 0) as number,
  stdout: '',
  stderr: expect.stringContaining(`${name} must be set, `) as string,
})
