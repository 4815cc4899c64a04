#!/usr/bin/env python3
"""Writes the sample content's pictures, sounds and documents. Run it again after changing it; the results are
committed, so nobody needs it to use the samples. Needs nothing but Python's standard library."""

import math
import struct
import wave
import zlib
from pathlib import Path

here = Path(__file__).resolve().parent
acme, globex = here / "acme", here / "globex"


def svg(path: Path, width: int, height: int, body: str) -> None:
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'font-family="Helvetica, Arial, sans-serif">\n{body.strip()}\n</svg>\n'
    )


def sound(path: Path, seconds: float, sample) -> None:
    rate = 11025
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(1)
        out.setframerate(rate)
        count = int(seconds * rate)
        out.writeframes(
            bytes(max(0, min(255, int(128 + 110 * sample(i / rate)))) for i in range(count))
        )


def png(path: Path, width: int, height: int, colour) -> None:
    rows = b"".join(
        b"\0" + b"".join(bytes(colour(x / width, y / height)) for x in range(width)) for y in range(height)
    )

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")
    )


def pdf(path: Path, title: str, pages: list[str]) -> None:
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica-Bold /Encoding /WinAnsiEncoding >>",
        f"<< /Title ({title}) /Producer (make_media.py) >>".encode("cp1252"),
    ]
    kids = []
    for content in pages:
        data = content.encode("cp1252")
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(data), data))
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents %d 0 R "
            b"/Resources << /Font << /F1 3 0 R /F2 4 0 R >> >> >>" % len(objects)
        )
        kids.append(len(objects))
    objects[1] = b"<< /Type /Pages /Count %d /Kids [%s] >>" % (
        len(kids),
        b" ".join(b"%d 0 R" % kid for kid in kids),
    )
    out, offsets = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n"), []
    for number, data in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, data)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % at for at in offsets)
    out += b"trailer\n<< /Size %d /Root 1 0 R /Info 5 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)
    path.write_bytes(bytes(out))


def line(x: int, y: int, size: int, text: str, bold: bool = False) -> str:
    escaped = text.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")
    return f"BT /F{2 if bold else 1} {size} Tf {x} {y} Td ({escaped}) Tj ET"


def table(top: int, columns: list[int], rows: list[list[str]]) -> str:
    out = []
    for number, row in enumerate(rows):
        y = top - 24 * number
        out += [line(x, y, 11, text, number == 0) for x, text in zip(columns, row)]
        out.append(f"0.85 0.82 0.78 RG 0.7 w 56 {y - 8} m 539 {y - 8} l S")
    return "\n".join(out)


def acme_media() -> None:
    ink, orange, teal, paper = "#1f1b16", "#c2410c", "#0f766e", "#faf8f5"
    blades = "".join(
        f'<path d="M250 210 q60 -18 96 -70 q10 62 -66 96 z" transform="rotate({angle} 250 210)" fill="#d9d2c7"/>'
        for angle in range(0, 360, 72)
    )
    fins = "".join(f'<path d="M{x} 90 V330" stroke="#cfc7ba" stroke-width="2"/>' for x in range(84, 108, 6))
    dots = "".join(
        f'<circle cx="{x}" cy="{y}" r="17" fill="{ink}"/><text x="{x}" y="{y + 6}" text-anchor="middle" '
        f'font-size="17" font-weight="700" fill="#fff">{n}</text>'
        for n, x, y in [(1, 250, 210), (2, 95, 66), (3, 490, 290), (4, 490, 120), (5, 640, 300)]
    )
    svg(
        acme / "assets/unit.svg", 760, 420,
        f'''<rect width="760" height="420" fill="{paper}"/>
<rect x="70" y="70" width="500" height="280" rx="14" fill="#fff" stroke="{ink}" stroke-width="4"/>
<rect x="96" y="350" width="70" height="16" fill="{ink}"/><rect x="474" y="350" width="70" height="16" fill="{ink}"/>
{fins}<circle cx="250" cy="210" r="116" fill="#f1ece4" stroke="{ink}" stroke-width="4"/>{blades}
<path d="M400 70 V350" stroke="{ink}" stroke-width="3"/>
<rect x="420" y="90" width="130" height="70" rx="6" fill="#f1ece4" stroke="{ink}" stroke-width="3"/>
<rect x="440" y="220" width="100" height="110" rx="40" fill="{teal}" opacity=".25" stroke="{ink}" stroke-width="3"/>
<path d="M570 270 H690" stroke="{orange}" stroke-width="9"/><path d="M570 320 H690" stroke="{teal}" stroke-width="9"/>
{dots}''',
    )
    svg(
        acme / "02-installation/hydraulics/circuit.svg", 760, 360,
        f'''<rect width="760" height="360" fill="{paper}"/>
<g fill="none" stroke-width="8" stroke-linejoin="round"><path d="M190 120 H560 V150" stroke="{orange}"/>
<path d="M560 250 V290 H440" stroke="{teal}"/><path d="M350 290 H190 V230" stroke="{teal}"/></g>
<rect x="60" y="90" width="150" height="150" rx="10" fill="#fff" stroke="{ink}" stroke-width="4"/>
<circle cx="125" cy="165" r="46" fill="none" stroke="{ink}" stroke-width="4"/><path d="M125 165 l34 -22 M125 165 l-36 -18 M125 165 l2 42" stroke="{ink}" stroke-width="5"/>
<rect x="350" y="240" width="90" height="100" rx="34" fill="#fff" stroke="{ink}" stroke-width="4"/>
<path d="M262 272 l24 36 h-24 l24 -36 z" fill="#fff" stroke="{ink}" stroke-width="3"/>
<circle cx="320" cy="120" r="26" fill="#fff" stroke="{ink}" stroke-width="4"/><path d="M310 104 l24 16 -24 16 z" fill="{orange}"/>
<g stroke="{ink}" stroke-width="4" fill="#fff">{"".join(f'<rect x="{x}" y="150" width="26" height="100" rx="10"/>' for x in range(500, 640, 30))}</g>
<g font-size="16" fill="{ink}"><text x="82" y="72">Outdoor unit</text><text x="296" y="82">Pump</text><text x="250" y="262" font-size="14">Filter</text>
<text x="368" y="230">Buffer</text><text x="516" y="136">Heating circuit</text></g>''',
    )

    def curve(slope: float) -> str:
        points = [(t, 20 + slope * 1.8 * (20 - t) ** 0.9) for t in range(-15, 21)]
        return "M" + "L".join(f"{90 + (20 - t) * 17:.0f} {330 - (w - 20) * 6.2:.1f}" for t, w in points)

    grid = "".join(
        f'<path d="M90 {330 - (w - 20) * 6.2:.0f} H690" stroke="#e7e1d8"/><text x="78" y="{335 - (w - 20) * 6.2:.0f}" '
        f'text-anchor="end">{w} °C</text>' for w in range(20, 70, 10)
    ) + "".join(f'<text x="{90 + (20 - t) * 17}" y="356" text-anchor="middle">{t} °C</text>' for t in range(20, -16, -5))
    svg(
        acme / "assets/heating-curve.svg", 760, 390,
        f'''<rect width="760" height="390" fill="{paper}"/><g font-size="14" fill="#6b6257">{grid}
<text x="390" y="382" text-anchor="middle">Outdoor temperature</text></g>
<g fill="none" stroke-width="4" stroke-linecap="round"><path d="{curve(0.4)}" stroke="{teal}"/><path d="{curve(0.6)}" stroke="{ink}"/><path d="{curve(0.9)}" stroke="{orange}"/></g>
<g font-size="15" font-weight="700"><text x="700" y="224" fill="{teal}">0.4</text><text x="700" y="170" fill="{ink}">0.6</text><text x="700" y="92" fill="{orange}">0.9</text></g>''',
    )

    def start(t: float) -> float:
        speed = min(1.0, t / 2.2)
        hum = math.sin(2 * math.pi * (38 + 22 * speed) * t) + 0.5 * math.sin(2 * math.pi * (76 + 44 * speed) * t)
        click = math.exp(-60 * t) * math.sin(2 * math.pi * 900 * t)
        return 0.8 * click + hum * 0.42 * speed * min(1.0, (4 - t) * 3)

    sound(acme / "03-operation/sounds/healthy-start.wav", 4, start)

    def ice(t: float) -> float:
        scrape = math.sin(2 * math.pi * 1170 * t) * math.sin(2 * math.pi * 2017 * t)
        return 0.4 * math.sin(2 * math.pi * 60 * t) + 0.45 * scrape * max(0, math.sin(2 * math.pi * 5.5 * t)) ** 6

    sound(acme / "03-operation/sounds/ice-on-the-fan.wav", 3, ice)

    def infrared(x: float, y: float) -> tuple[int, int, int]:
        heat = 0.15
        for cx, cy, size, power in [(0.5, 0.72, 0.16, 0.5), (0.26, 0.42, 0.09, 0.85), (0.74, 0.42, 0.09, 0.3), (0.5, 0.2, 0.3, 0.15)]:
            heat += power * math.exp(-(((x - cx) ** 2) * 2.2 + (y - cy) ** 2) / size**2)
        stops = [(18, 12, 48), (88, 24, 120), (200, 52, 78), (250, 150, 40), (255, 246, 190)]
        place = min(0.999, max(0.0, heat)) * 4
        low, part = int(place), place - int(place)
        return tuple(int(a + (b - a) * part) // 6 * 6 for a, b in zip(stops[low], stops[low + 1]))

    png(acme / "04-service/05-thermal-picture.png", 480, 300, infrared)
    head = "0.76 0.25 0.05 rg 0 792 595 50 re f 1 1 1 rg " + line(56, 810, 16, "ACME FIELD SYSTEMS", True) + " 0.12 0.11 0.09 rg "
    pdf(
        acme / "04-service/03-data-sheet.pdf", "Aurora data sheet",
        [
            "\n".join([head, line(56, 730, 28, "Aurora data sheet", True),
                       line(56, 704, 12, "Air-to-water heat pumps for R290, 6 to 16 kW"),
                       table(650, [56, 220, 300, 380, 460], [
                           ["", "Aurora 6", "Aurora 8", "Aurora 12", "Aurora 16"],
                           ["Output at A-7/W35", "5.8 kW", "7.9 kW", "11.6 kW", "15.4 kW"],
                           ["COP at A2/W35", "4.6", "4.7", "4.5", "4.4"],
                           ["Highest flow", "70 °C", "70 °C", "70 °C", "70 °C"],
                           ["Refrigerant R290", "0.9 kg", "1.1 kg", "1.6 kg", "2.1 kg"],
                           ["Sound power", "50 dB(A)", "52 dB(A)", "55 dB(A)", "58 dB(A)"],
                           ["Weight", "118 kg", "124 kg", "162 kg", "178 kg"]]),
                       line(56, 420, 10, "Values according to EN 14511. Subject to change. Page 1 of 2")]),
            "\n".join([head, line(56, 730, 22, "Dimensions and limits", True),
                       table(680, [56, 240, 400], [
                           ["", "Aurora 6 / 8", "Aurora 12 / 16"],
                           ["Width x depth", "1120 x 440 mm", "1290 x 480 mm"],
                           ["Height", "860 mm", "1380 mm"],
                           ["Lowest outdoor temperature", "-22 °C", "-25 °C"],
                           ["Smallest water volume", "60 l", "110 l"]]),
                       line(56, 520, 10, "Page 2 of 2")]),
        ],
    )


def globex_media() -> None:
    night, violet, teal, pale = "#12111f", "#8f7bff", "#4fd8c4", "#efedfb"
    path = "M" + "L".join(f"{x} {130 - 80 * math.sin(x / 760 * 6 * math.pi):.1f}" for x in range(0, 761, 8))
    dots = "".join(
        f'<circle cx="{x + 30 * math.cos(x / 760 * 6 * math.pi):.1f}" cy="{y}" r="3.2" fill="{teal}"/>'
        for x in range(-10, 780, 12) for y in (250, 268, 286)
    )
    svg(globex / "assets/wave.svg", 760, 320,
        f'<rect width="760" height="320" fill="{night}"/><path d="M0 130 H760" stroke="#3a3760"/>'
        f'<path d="{path}" fill="none" stroke="{violet}" stroke-width="5" stroke-linejoin="round"/>{dots}')
    rays = ""
    for n, (y, colour, bend) in enumerate([(110, "#6aa8ff", 1), (150, "#4fd8c4", 0.55), (190, "#ffd166", 0.16), (230, "#ff6b5e", 0.04)]):
        rays += f'<path d="M150 {y} H{330 + n * 30}" stroke="{colour}" stroke-width="5"/>'
        rays += f'<path d="M{330 + n * 30} {y} L720 {y - 160 * bend:.0f} M{330 + n * 30} {y} L720 {y + 110 * bend:.0f}" stroke="{colour}" stroke-width="{3 if bend > .1 else 5}" opacity=".85"/>'
    air = "".join(f'<circle cx="{300 + (i * 67) % 400}" cy="{30 + (i * 97) % 270}" r="2.4" fill="{pale}" opacity=".45"/>' for i in range(70))
    svg(globex / "assets/scatter.svg", 760, 330,
        f'<rect width="760" height="330" fill="{night}"/>{air}<circle cx="90" cy="170" r="56" fill="#ffe7a3"/>{rays}')

    def three(cx: int, colours: list[str], mode: str) -> str:
        places = [(cx, 125), (cx - 48, 205), (cx + 48, 205)]
        return '<g style="isolation:isolate">' + "".join(
            f'<circle cx="{x}" cy="{y}" r="84" fill="{c}" style="mix-blend-mode:{mode}"/>' for (x, y), c in zip(places, colours)) + "</g>"

    svg(globex / "assets/mixing.svg", 760, 330,
        f'<rect width="380" height="330" fill="#000"/><rect x="380" width="380" height="330" fill="#fff"/>'
        + three(190, ["#ff0000", "#00ff00", "#0000ff"], "screen") + three(570, ["#00ffff", "#ff00ff", "#ffff00"], "multiply"))
    wheel = "".join(
        f'<path d="M300 300 L{300 + 250 * math.cos(a):.1f} {300 + 250 * math.sin(a):.1f} A250 250 0 0 1 '
        f'{300 + 250 * math.cos(a + math.pi / 12):.1f} {300 + 250 * math.sin(a + math.pi / 12):.1f}Z" fill="hsl({i * 15} 80% 60%)"/>'
        for i, a in enumerate(k * math.pi / 12 for k in range(24)))
    svg(globex / "light-and-colour/cards/colour-wheel.svg", 600, 600,
        f'<rect width="600" height="600" rx="40" fill="{night}"/>{wheel}<circle cx="300" cy="300" r="96" fill="{night}"/>')
    sound(globex / "sound-and-hearing/experiments/two-tones.wav", 4,
          lambda t: 0.42 * (math.sin(2 * math.pi * 440 * t) + math.sin(2 * math.pi * 443 * t)) * min(1, t * 8, (4 - t) * 4))
    sound(globex / "sound-and-hearing/experiments/octave-and-fifth.wav", 4,
          lambda t: 0.7 * math.sin(2 * math.pi * [220, 330, 440, 660][min(3, int(t))] * t) * math.exp(-2.2 * (t % 1)) * min(1, (t % 1) * 80))

    def sunset(x: float, y: float) -> tuple[int, int, int]:
        stops = [(30, 26, 74), (96, 52, 128), (214, 96, 108), (255, 176, 96), (255, 226, 160)]
        place = min(0.999, y * 1.35) * 4
        low, part = int(place), place - int(place)
        colour = [a + (b - a) * part for a, b in zip(stops[low], stops[low + 1])]
        if math.hypot((x - 0.62) * 1.6, y - 0.66) < 0.11:
            colour = [255, 244, 214]
        if y > 0.78 + 0.035 * math.sin(x * 9) + 0.02 * math.sin(x * 23 + 1):
            colour = [24, 20, 46]
        return tuple(int(v) // 4 * 4 for v in colour)

    png(globex / "light-and-colour/03-evening-light.png", 480, 300, sunset)
    dark = "0.11 0.10 0.18 rg 0 0 595 842 re f 0.56 0.48 1 rg 56 700 60 6 re f 0.94 0.93 0.98 rg "
    pdf(globex / "clear-writing/03-one-page-summary.pdf", "Clear writing on one page", [
        "\n".join([dark, line(56, 730, 26, "Clear writing on one page", True)] + [
            text for n, (rule, why) in enumerate([
                ("Say it first.", "The sentence the reader needs is the first one."),
                ("Let verbs work.", "Decide, cut, help: not decision, reduction, assistance."),
                ("Name the person.", "If it matters who did it, write who did it."),
                ("One idea, one sentence.", "A full stop costs nothing."),
                ("Read it aloud.", "Where you run out of breath, cut."),
            ]) for text in (line(56, 640 - 76 * n, 16, f"{n + 1}. {rule}", True), line(78, 618 - 76 * n, 12, why))
        ])])


acme_media()
globex_media()
