import { obtainSlapd } from './obtain.ts'

// For machines that are prepared before their tests run: `node test/support/slapd/fetch.ts`.
console.log(await obtainSlapd())
