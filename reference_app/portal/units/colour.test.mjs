import assert from 'node:assert/strict'
import test from 'node:test'
import { load } from './load.mjs'

const { contrast, format, ink_on, is_colour, luminance, mix, parse, readable } = await load('colour')

const colours = ['#000000', '#ffffff', '#ff0000', '#00ff00', '#0000ff', '#0b6e4f', '#f4a261', '#808080', '#123456']

test('colours are told from other texts', () => {
  for (const text of ['#abc', '#A1B2C3', ' #000000 ']) assert.ok(is_colour(text), text)
  for (const text of ['abc', '#abcd', '#ggg', '', 'red', null, 7]) assert.ok(!is_colour(text), String(text))
})

test('a colour survives the way to OKLCH and back', () => {
  for (const colour of colours) assert.equal(format(parse(colour)), colour)
  assert.equal(format(parse('#abc')), '#aabbcc')
  assert.equal(format(parse('nonsense')), '#808080')
})

test('what no screen can show loses chroma, not lightness', () => {
  const shown = format({ l: 0.7, c: 0.5, h: 140 })
  assert.match(shown, /^#[0-9a-f]{6}$/)
  assert.ok(Math.abs(parse(shown).l - 0.7) < 0.02)
  assert.ok(parse(shown).c < 0.5)
})

test('contrast and luminance are those of WCAG', () => {
  assert.equal(luminance('#ffffff'), 1)
  assert.equal(luminance('#000000'), 0)
  assert.ok(Math.abs(contrast('#000000', '#ffffff') - 21) < 1e-9)
  assert.ok(Math.abs(contrast('#ffffff', '#767676') - 4.54) < 0.01)
  assert.equal(contrast('#123456', '#fedcba'), contrast('#fedcba', '#123456'))
})

test('mixing goes from one colour to the other', () => {
  assert.equal(mix('#000000', '#ffffff', 0), '#000000')
  assert.equal(mix('#000000', '#ffffff', 1), '#ffffff')
  assert.equal(mix('#000000', '#ffffff', 0.5), '#808080')
})

test('readable colours reach their contrast on all grounds, and stay when they have it', () => {
  for (const ground of colours) {
    for (const colour of colours) {
      const best = Math.max(contrast('#000000', ground), contrast('#ffffff', ground))
      const result = readable(colour, [ground], Math.min(4.5, best))
      assert.ok(contrast(result, ground) >= Math.min(4.5, best) - 1e-9, `${colour} on ${ground}: ${result}`)
    }
  }
  assert.equal(readable('#000000', ['#ffffff', '#eeeeee'], 4.5), '#000000')
})

test('ink is readable on every filled area', () => {
  for (const ground of colours) assert.ok(contrast(ink_on(ground), ground) >= 4.5, ground)
})
