import assert from 'node:assert/strict'
import test from 'node:test'
import { load } from './load.mjs'

const { SearchIndex, excerpt, fold, highlight, terms_of } = await load('search')

function item(id, title, summary = '', position = id) {
  return { id, title, summary, position, collection: 1 }
}
const found = (index, query) => index.find(query).map((hit) => hit.item.id)
const index_of = (...items) => new SearchIndex(items, () => 'Handbook')

test('folding takes accents and case away and keeps positions', () => {
  assert.equal(fold('Crème BRÛLÉE'), 'creme brulee')
  assert.equal(fold('PLAIN'), 'plain')
  for (const text of ['Straße', 'İstanbul', 'ﬁn', '日本語', '👍 Über', 'e\u0301'])
    assert.equal(fold(text).length, text.length, text)
})

test('terms are folded words, at most eight', () => {
  assert.deepEqual(terms_of('  Über   den Wolken '), ['uber', 'den', 'wolken'])
  assert.deepEqual(terms_of(' \t'), [])
  assert.equal(terms_of('a b c d e f g h i j').length, 8)
})

test('every term must be found, in title, summary or place', () => {
  const index = index_of(item(1, 'Heat pump', 'How to start it'), item(2, 'Heat curve'), item(3, 'Noise'))
  assert.deepEqual(found(index, 'heat'), [1, 2])
  assert.deepEqual(found(index, 'heat start'), [1])
  assert.deepEqual(found(index, 'heat handbook'), [1, 2])
  assert.deepEqual(found(index, 'heat nowhere'), [])
  assert.deepEqual(found(index, ''), [])
})

test('the same title beats its beginning, then words, inner parts, the summary', () => {
  const index = index_of(
    item(1, 'Other', 'about a join'),
    item(2, 'Enjoining'),
    item(3, 'The join'),
    item(4, 'Join methods'),
    item(5, 'Join')
  )
  assert.deepEqual(found(index, 'JOIN'), [5, 4, 3, 2, 1])
})

test('equals keep the order of the collection', () => {
  const index = index_of(item(1, 'Page a', '', 3), item(2, 'Page b', '', 1), item(3, 'Page c', '', 1))
  assert.deepEqual(found(index, 'page'), [2, 3, 1])
})

test('characters of expressions are plain text', () => {
  const index = index_of(item(1, 'What (is) a.*b?'), item(2, 'aXXb'))
  assert.deepEqual(found(index, 'a.*b'), [1])
  assert.deepEqual(found(index, '(is)'), [1])
})

test('marks cover the found text as it is spelled, and lose nothing', () => {
  const marked = (text, ...terms) => highlight(text, terms).map((piece) => (piece.hit ? `[${piece.text}]` : piece.text)).join('')
  assert.equal(marked('Crème brûlée', 'creme'), '[Crème] brûlée')
  assert.equal(marked('join enjoin', 'join'), '[join] enjoin')
  assert.equal(marked('enjoin', 'join'), 'en[join]')
  assert.equal(marked('abc', 'ab', 'abc'), '[ab][c]')
  assert.equal(marked('none', 'x'), 'none')
  assert.equal(marked('', 'x'), '')
  const long = 'word '.repeat(100)
  assert.equal(highlight(long, ['word']).map((piece) => piece.text).join(''), long)
})

test('an excerpt shows the first term', () => {
  assert.equal(excerpt('short', ['x']), 'short')
  const text = 'filler '.repeat(60) + 'needle and more ' + 'filler '.repeat(60)
  const part = excerpt(text, ['needle'])
  assert.ok(part.startsWith('…') && part.endsWith('…'))
  assert.ok(part.includes('needle and more'))
  assert.ok(part.length <= 182)
  assert.ok(excerpt(text, ['missing']).startsWith('filler'))
})
