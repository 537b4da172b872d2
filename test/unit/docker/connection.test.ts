import { inspect } from 'node:util'
import { expect, test } from 'vitest'
import { openConnection } from '../../../ports/compute/docker/connection.ts'
import { dockerSettings } from '../../../ports/compute/docker/settings.ts'

test('what the modem writes out for each request is short, however many sockets there are', () => {
  const { docker, close } = openConnection(dockerSettings.parse({}))
  const { agent } = docker.modem as { readonly agent?: object } // the modem's types do not name it
  expect(inspect({ agent }, { showHidden: true, depth: null })).toBe('{ agent: Agent }')
  close()
})
