from django.db import models


class World(models.Model):
    random_number = models.IntegerField()

    class Meta:
        managed = False
        db_table = "world"

    def answer(self):
        return {"id": self.id, "randomNumber": self.random_number}


class Fortune(models.Model):
    message = models.TextField()

    class Meta:
        managed = False
        db_table = "fortune"
