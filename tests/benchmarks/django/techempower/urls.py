import random

from django.core.cache import cache
from django.http import HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import path

from .models import Fortune, World


def count_of(request, name):
    try:
        return min(max(int(request.GET.get(name, 1)), 1), 500)
    except ValueError:
        return 1


def random_id():
    return random.randint(1, 10_000)


def plaintext(request):
    return HttpResponse("Hello, World!", content_type="text/plain")


def json(request):
    return JsonResponse({"message": "Hello, World!"})


def db(request):
    return JsonResponse(World.objects.get(pk=random_id()).answer())


def random_worlds(count):
    return [World.objects.get(pk=random_id()) for _ in range(count)]


def queries(request):
    return JsonResponse([world.answer() for world in random_worlds(count_of(request, "queries"))], safe=False)


def updates(request):
    worlds = {}
    for world in random_worlds(count_of(request, "queries")):
        while world.id in worlds:
            world = World.objects.get(pk=random_id())
        worlds[world.id] = world
    rows = [worlds[number] for number in sorted(worlds)]
    for world in rows:
        world.random_number = random_id()
    World.objects.bulk_update(rows, ["random_number"])
    return JsonResponse([world.answer() for world in rows], safe=False)


def fortunes(request):
    rows = list(Fortune.objects.all())
    rows.append(Fortune(id=0, message="Additional fortune added at request time."))
    rows.sort(key=lambda fortune: fortune.message)
    return render(request, "fortunes.html", {"fortunes": rows})


def cached_queries(request):
    keys = [f"world-{random_id()}" for _ in range(count_of(request, "count"))]
    found = cache.get_many(set(keys))
    for key in keys:
        if key not in found:
            found[key] = World.objects.get(pk=int(key[6:])).answer()
            cache.set(key, found[key])
    return JsonResponse([found[key] for key in keys], safe=False)


urlpatterns = [
    path("plaintext", plaintext),
    path("json", json),
    path("db", db),
    path("queries", queries),
    path("updates", updates),
    path("fortunes", fortunes),
    path("cached-queries", cached_queries),
]
