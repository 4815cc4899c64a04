// A site-aware JSON API in one file: notes of each site, and a task that counts their words.
#include <mpf/app/app.hpp>
#include <mpf/base/text.hpp>
#include <mpf_embedded/hello_migrations.hpp>

using namespace mpf;

struct NewNote {
  std::string text;
  static constexpr auto describe() { return mpf::describe(field<&NewNote::text>()); }
};
struct CountWords {
  Id note;
  static constexpr auto describe() { return mpf::describe(field<&CountWords::note>()); }
};

// [taste]
struct Note {
  orm::Id id;
  orm::Ref<tenant::Site> site;
  std::string text;
  std::int64_t words = 0;
  static constexpr auto model() {
    return orm::model<Note>("hello_note", orm::field<&Note::site>(orm::tenant),
                            orm::field<&Note::text>(orm::max_length(500)), orm::field<&Note::words>());
  }
};

http::Response list_notes(Context& ctx) {  // this site's: the scope is part of the query's type
  return http::Response::json(ctx.scope().query<Note>().order_by(orm::desc<&Note::id>).limit(20).all());
}

http::Response add_note(Context& ctx) {
  Note note{.text = ctx.request().json<NewNote>().text};
  ctx.scope().transaction([&] {  // the task exists when, and only when, the note does
    ctx.scope().insert(note);
    ctx.tasks().enqueue(CountWords{note.id}, {.site = ctx.site().id});
  });
  return http::Response::json(note, 201);
}

void count_words(TaskContext& ctx, const CountWords& task) {
  auto note = ctx.scope().get<Note>(task.note);
  note.words = static_cast<std::int64_t>(split(note.text, ' ').size());
  ctx.scope().update<&Note::words>(note);
}

struct Hello final : Module {
  std::string_view name() const noexcept override { return "hello"; }
  void setup(Setup& s) override {
    s.model<Note>();
    s.migrations(hello::migrations());
    s.get("/notes", list_notes);
    s.post("/notes", add_note, {.csrf = false});
    s.task<CountWords>("hello.count_words", count_words);
  }
};
// [/taste]

int main(int argc, char** argv) { return Application(modules<Hello>(), {.name = "hello"}).main(argc, argv); }
