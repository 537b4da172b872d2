import { expect, test } from 'vitest'
import type { CloudApi } from '../../../ports/compute/openstack/api.ts'
import { faultOf } from '../../../ports/compute/openstack/fault.ts'
import { everything } from '../../../ports/compute/openstack/pages.ts'
import { portPage } from '../../../ports/compute/openstack/shapes.ts'

type Answer = { readonly status: number; readonly body: unknown }
const { signal } = new AbortController()

/** Lists the ports of a service that answers so to each marker. */
async function listed(answers: (marker: string | undefined) => Answer): Promise<string[]> {
  const api = {
    get: (async (_service, _path, schema, _signal, ask) => {
      const { status, body } = answers(ask?.query?.['marker'] as string | undefined)
      if (status !== 200) throw faultOf('neutron', { status, body, header: () => null })
      return schema.parse(body)
    }) as CloudApi['get'],
  } as CloudApi
  return (await everything(api, 'network', '/ports', portPage, signal, { limit: 2 })).map(({ id }) => id)
}

const page = (ids: readonly string[], more: boolean): Answer => ({
  status: 200,
  body: { ports: ids.map((id) => ({ id })), ports_links: more ? [{ rel: 'next', href: 'http://elsewhere/' }] : [] },
})

test.each([
  [400, { badRequest: { code: 400, message: 'marker [b] not found' } }],
  [404, { NeutronError: { type: 'PortNotFound', message: 'Port b could not be found.', detail: '' } }],
  [404, { itemNotFound: { code: 404, message: 'Volume b could not be found.' } }],
])('a list is begun anew where the one after which it should go on is gone: %i %j', async (status, body) => {
  let isThere = true
  const ids = await listed((marker) => {
    if (marker === undefined) return isThere ? page(['a', 'b'], true) : page(['a', 'c'], true)
    if (marker === 'c') return page(['d'], false)
    isThere = false
    return { status, body }
  })
  expect(ids).toEqual(['a', 'b', 'c', 'd'])
})

test('a list that is never whole is an error, and so is one without an end', async () => {
  const gone = { status: 404, body: { NeutronError: { type: 'PortNotFound', message: 'gone', detail: '' } } }
  await expect(listed((marker) => (marker === undefined ? page(['a'], true) : gone))).rejects.toThrow(/gone/)
  await expect(listed(() => page(['a', 'b'], true))).rejects.toThrow(/without an end/)
  await expect(listed((marker) => page([marker === 'a' ? 'b' : 'a'], true))).rejects.toThrow(/without an end/)
  await expect(listed(() => gone)).rejects.toThrow(/gone/)
})
