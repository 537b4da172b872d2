import { afterAll, beforeAll, expect, test } from 'vitest'
import { exchanges } from '../../support/guacamole/exchanges.ts'
import type { Exchange } from '../../support/guacamole/exchanges.ts'
import { differences, filled, filledIn, shapeOf } from '../../support/guacamole/likeness.ts'
import { createReplayStage } from '../../support/guacamole/stage.ts'
import type { ReplayStage } from '../../support/guacamole/stage.ts'
import { describedBodies, scenes, shapesOnly } from './replay-scenes.ts'

// The double answers every recorded REST exchange as the server did, in the order of the recording: status, content
// type, `allow`, and the body down to each value, placeholders and times aside.

let stage: ReplayStage
beforeAll(async () => {
  stage = await createReplayStage()
})
afterAll(async () => {
  await stage.close()
})

const rest = exchanges.filter(({ request }) => request.method !== 'WEBSOCKET')

test('every exchange has a name of its own, and every scene and exception its exchange', () => {
  const names = new Set(rest.map(({ name }) => name))
  expect(names.size).toBe(318)
  const used = [...Object.keys(scenes), ...shapesOnly, ...Object.keys(describedBodies)]
  expect(used.filter((name) => !names.has(name))).toEqual([])
})

for (const recorded of rest)
  test(`${recorded.name} is answered as recorded`, async () => {
    scenes[recorded.name]?.(stage)
    const { request, response } = recorded
    const answer = await fetch(new URL(filled(request.path, stage.bindings), stage.node.url), {
      method: request.method,
      redirect: 'manual',
      headers: Object.entries(request.headers ?? {}).map(([n, v]): [string, string] => [n, filled(v, stage.bindings)]),
      body: bodyOf(recorded),
      signal: AbortSignal.timeout(30_000),
    })
    const body = await answer.text()
    expect({
      status: answer.status,
      type: answer.headers.get('content-type'),
      allow: answer.headers.get('allow'),
      differs: differencesOf(recorded, body),
    }).toEqual({
      status: response.status,
      type: response.headers?.['content-type'] ?? null,
      allow: response.headers?.allow ?? null,
      differs: [],
    })
  })

function bodyOf({ name, request }: Exchange): string | URLSearchParams | null {
  const { body } = request
  const described = describedBodies[name]
  if (described !== undefined) return JSON.stringify(described)
  if (body === null || body === undefined) return null
  if (typeof body === 'string') return filled(body, stage.bindings)
  const { form } = body as { form?: Record<string, string> } // a form is recorded as such
  if (form === undefined) return JSON.stringify(filledIn(body, stage.bindings))
  return new URLSearchParams(Object.entries(form).map(([n, v]): [string, string] => [n, filled(v, stage.bindings)]))
}

function differencesOf({ name, response }: Exchange, actual: string): string[] {
  const recorded = response.body
  if (recorded === null || recorded === undefined) return actual === '' ? [] : [`a body: ${actual}`]
  const isPage = response.headers?.['content-type']?.startsWith('text/html') === true
  if (isPage) return actual.startsWith('<!doctype html>') ? [] : [`no page: ${actual}`]
  if (response.headers?.['content-type'] === 'text/plain') return actual === recorded ? [] : [actual]
  const body = JSON.parse(actual) as unknown
  // What is told about instead of recorded.
  if (typeof recorded === 'string') return typeof body === 'object' && body !== null ? [] : [`no object: ${actual}`]
  if (shapesOnly.has(name)) {
    const [wanted, seen] = [JSON.stringify(shapeOf(recorded)), JSON.stringify(shapeOf(body))]
    return wanted === seen ? [] : [`${wanted} is ${seen}`]
  }
  if (Object.hasOwn(recorded, '…')) {
    const said = Object.fromEntries(Object.entries(recorded).filter(([key]) => key !== '…'))
    const kept = Object.fromEntries(Object.entries(body as object).filter(([key]) => Object.hasOwn(said, key)))
    return differences(said, kept, stage.bindings)
  }
  return differences(recorded, body, stage.bindings)
}
