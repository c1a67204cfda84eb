using System.Text.Json;

namespace FlowCut.Models.Tokenization;

/// <summary>The object "model" of a tokenizer.json, of type BPE: over characters, or over the characters that stand for bytes.</summary>
internal static class BpeModelJson
{
    private const string Where = "model";

    /// <summary>Checks that the model is of a kind that is supported, and reads its vocabulary.</summary>
    public static Vocabulary ReadVocabulary(JsonFile file, JsonElement model, bool isByteLevel)
    {
        var type = file.FindText(model, "type", Where) ?? "(none)";
        if (type != "BPE") throw file.Error($"the model's type is '{type}'; only BPE is supported");
        foreach (var name in new[] { "continuing_subword_prefix", "end_of_word_suffix" })
        {
            if (file.FindText(model, name, Where) is { Length: > 0 } value) throw file.Error($"model.{name} '{value}' is not supported");
        }

        if (file.Find(model, "dropout", Where) is { } dropout && !(dropout.ValueKind == JsonValueKind.Number && dropout.GetRawText() is "0" or "0.0"))
        {
            throw file.Error("model.dropout is set: the tokens would be random");
        }

        return ReadVocabulary(file, file.Require(model, "vocab", Where), "model.vocab", isByteLevel);
    }

    /// <summary>Reads an object that maps each token to its id.</summary>
    /// <param name="file">Named in errors.</param>
    /// <param name="entries">The object.</param>
    /// <param name="where">How errors call it.</param>
    /// <param name="isByteLevel">Tokens are written in the characters that stand for bytes.</param>
    /// <param name="hasWordEnds">Tokens at the end of a word have a suffix; in the result they are as <see cref="WordEnd.Spell"/> has them.</param>
    public static Vocabulary ReadVocabulary(JsonFile file, JsonElement entries, string where, bool isByteLevel, bool hasWordEnds = false)
    {
        file.Members(entries, where);
        // byte-level BPE has a text for each id, and added tokens have ids of their own
        var vocabulary = new Vocabulary(file.Path, entries.GetPropertyCount()) { SharedIds = !isByteLevel };
        foreach (var entry in entries.EnumerateObject())
        {
            var text = file.NameOf(entry, where);
            if (entry.Value.ValueKind != JsonValueKind.Number || !entry.Value.TryGetInt32(out var id))
            {
                throw file.Error($"the id of token '{text}' is not a 32-bit integer");
            }

            vocabulary.Add(hasWordEnds ? WordEnd.Spell(text) : text, id);
        }

        return vocabulary;
    }

    public static BytePairRules ReadRules(JsonFile file, JsonElement model, Vocabulary vocabulary, bool isByteLevel, out int? unknownId)
    {
        var hasBytes = file.FindFlag(model, "byte_fallback", Where, otherwise: false);
        if (isByteLevel && hasBytes) throw file.Error("model.byte_fallback is on, but the pre-tokenizer is byte-level: no character is left to spell");
        var byteIds = hasBytes ? FindBytes(file, vocabulary) : null;
        unknownId = null;
        if (file.FindText(model, "unk_token", Where) is { } unknown)
        {
            unknownId = vocabulary.IdOf(unknown) ?? throw file.Error($"model.unk_token '{unknown}' is not in the vocabulary");
        }

        if (byteIds is null && unknownId is null && !isByteLevel) throw file.Error("the model has neither byte_fallback nor unk_token: characters without a token would be lost");
        return new BytePairRules
        {
            Characters = isByteLevel ? vocabulary.FindByteCharacters() : vocabulary.FindCharacters(),
            Merges = ReadMerges(file, model, vocabulary),
            ByteIds = byteIds,
            UnknownId = unknownId,
            FuseUnknown = file.FindFlag(model, "fuse_unk", Where, otherwise: false),
            // a copy: added tokens join the vocabulary later
            WholeTexts = file.FindFlag(model, "ignore_merges", Where, otherwise: false) ? new Dictionary<string, int>(vocabulary.Ids, StringComparer.Ordinal) : null,
        };
    }

    private static int[] FindBytes(JsonFile file, Vocabulary vocabulary)
    {
        var ids = new int[256];
        for (var value = 0; value < ids.Length; value++)
        {
            var name = ByteTokens.NameOf(value);
            ids[value] = vocabulary.IdOf(name) ?? throw file.Error($"model.byte_fallback is on, but the vocabulary has no token {name}");
        }

        return ids;
    }

    private static MergeTable ReadMerges(JsonFile file, JsonElement model, Vocabulary vocabulary)
    {
        var entries = file.Require(model, "merges", Where);
        file.Items(entries, "model.merges");
        var merges = new MergeTable(entries.GetArrayLength());
        var rank = 0;
        foreach (var entry in entries.EnumerateArray())
        {
            // a repeated pair takes the later rank, as in Hugging Face's tokenizers
            var isMerge = entry.ValueKind == JsonValueKind.Array
                ? TryAddPair(file, entry, vocabulary, merges, rank, out var missing)
                : merges.TryAddLine(vocabulary, file.Text(entry, "a merge"), rank, out missing);
            if (!isMerge)
            {
                throw file.Error(missing is null
                    ? $"merge {rank} {entry.GetRawText()} does not have two parts"
                    : $"merge {rank} has '{missing}', which is not in the vocabulary");
            }

            rank++;
        }

        return merges;
    }

    private static bool TryAddPair(JsonFile file, JsonElement entry, Vocabulary vocabulary, MergeTable merges, int rank, out string? missing)
    {
        missing = null;
        return entry.GetArrayLength() == 2 && merges.TryAdd(vocabulary, file.Text(entry[0], "a merge"), file.Text(entry[1], "a merge"), rank, out missing);
    }
}
