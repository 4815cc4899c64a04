"""The data benchmark's work in Django: `data.py sqlite FILE` or `data.py postgres HOST PORT USER DATABASE`.

Makes its tables and rows (as data_model.hpp does), says "ready", then does what each line of standard input
names and answers: microseconds of one operation by the clock, of CPU, and the check sum of what was read.
"""
import datetime
import sys
import time

import django
from django.conf import settings

if sys.argv[1] == "sqlite":
    database = {"ENGINE": "django.db.backends.sqlite3", "NAME": sys.argv[2]}
else:
    database = dict(zip(("HOST", "PORT", "USER", "NAME"), sys.argv[2:]), ENGINE="django.db.backends.postgresql")
settings.configure(DATABASES={"default": database}, USE_TZ=True, DEFAULT_AUTO_FIELD="django.db.models.BigAutoField")
django.setup()

from django.db import connection, models  # noqa: E402


class AnyItem(models.Model):
    title = models.CharField(max_length=200)
    body = models.TextField()
    score = models.FloatField()
    quantity = models.BigIntegerField()
    active = models.BooleanField()
    created_at = models.DateTimeField()
    note = models.TextField(null=True)

    class Meta:
        abstract = True


class Item(AnyItem):
    class Meta:
        app_label = "bench"


class NewItem(AnyItem):
    class Meta:
        app_label = "bench"


class ChangedItem(AnyItem):
    class Meta:
        app_label = "bench"


class Author(models.Model):
    name = models.CharField(max_length=200)

    class Meta:
        app_label = "bench"


class Book(models.Model):
    author = models.ForeignKey(Author, on_delete=models.CASCADE, related_name="books")
    title = models.CharField(max_length=200)
    pages = models.IntegerField()

    class Meta:
        app_label = "bench"


READ, INSERTED, SINGLE, AUTHORS, BOOKS_EACH = 10_000, 100_000, 1_000, 1_000, 10
EPOCH = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)


def make_items(model, count):
    return [
        model(
            title=f"Item number {n}",
            body=f"What item {n} is about, in one or two sentences that nobody has to read to the end.",
            score=n * 0.5,
            quantity=n * 7 % 1000,
            active=n % 2 == 1,
            created_at=EPOCH + datetime.timedelta(minutes=n),
            note=None if n % 3 == 0 else f"Note {n}",
        )
        for n in range(1, count + 1)
    ]


def some_id(number):
    return number * 7919 % READ + 1


def check_sum(item):
    return (item.id + len(item.title) + len(item.body) + int(item.score) + item.quantity + item.active
            + int(item.created_at.timestamp()) + len(item.note or ""))


def measure(operations, work):
    cpu, begin = time.process_time(), time.perf_counter()
    check = work()
    seconds, cpu = time.perf_counter() - begin, time.process_time() - cpu
    return seconds * 1e6 / operations, cpu * 1e6 / operations, check


def read():
    items = []
    seconds, cpu, _ = measure(1, lambda: items.extend(Item.objects.all()))
    return seconds, cpu, sum(map(check_sum, items))


def get():
    return measure(SINGLE, lambda: sum(check_sum(Item.objects.get(pk=some_id(n))) for n in range(SINGLE)))


def bulk_insert():
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("TRUNCATE bench_newitem")
    else:
        NewItem.objects.all().delete()
    items = make_items(NewItem, INSERTED)
    return measure(1, lambda: len(NewItem.objects.bulk_create(items)))


def update():
    update.number = getattr(update, "number", 0) + 1
    items = [ChangedItem.objects.get(pk=some_id(n)) for n in range(SINGLE)]

    def work():
        for item in items:
            item.title = f"Changed {update.number}"
            item.save(update_fields=["title"])
        return len(items)

    return measure(SINGLE, work)


def prefetch():
    return measure(1, lambda: sum(
        len(author.name) + sum(len(book.title) + book.pages for book in author.books.all())
        for author in Author.objects.prefetch_related("books")))


def fill():
    if connection.vendor == "sqlite":  # as durable as the others
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA journal_mode = WAL")
            cursor.execute("PRAGMA synchronous = NORMAL")
    with connection.schema_editor() as editor:
        for model in (Item, NewItem, ChangedItem, Author, Book):
            editor.create_model(model)
    Item.objects.bulk_create(make_items(Item, READ))
    ChangedItem.objects.bulk_create(make_items(ChangedItem, READ))
    Author.objects.bulk_create([Author(name=f"Author {n}") for n in range(AUTHORS)])
    Book.objects.bulk_create([
        Book(author=author, title=f"Book {n} of {author.name}", pages=n * 100)
        for author in Author.objects.order_by("pk") for n in range(BOOKS_EACH)])


fill()
print("ready", flush=True)
for line in sys.stdin:
    print(*{"read": read, "get": get, "bulk_insert": bulk_insert, "update": update, "prefetch": prefetch}[line.strip()](),
          flush=True)
