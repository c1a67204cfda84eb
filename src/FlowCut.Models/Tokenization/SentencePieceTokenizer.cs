using System.Buffers;
using System.Text;

namespace FlowCut.Models.Tokenization;

/// <summary>
/// Makes a tokenizer of a SentencePiece BPE model and the added tokens beside it. Every text between two special tokens
/// is normalised by itself, so that each gets the model's dummy prefix.
/// </summary>
internal static class SentencePieceTokenizer
{
    public static TokenizerParts Load(string path, ReadOnlySpan<byte> bytes, TokenizerConfiguration configuration)
    {
        var model = SentencePieceModel.Parse(path, bytes);
        var vocabulary = ReadVocabulary(path, model);
        var userDefined = model.Pieces
            .Select((piece, id) => (piece, id))
            .Where(entry => entry.piece.Type == PieceType.UserDefined)
            .Select(entry => KeyValuePair.Create(entry.piece.Text, entry.id))
            .ToList();
        var userDefinedTrie = userDefined.Count == 0 ? null : new TokenTrie(userDefined);
        var rules = new BytePairRules
        {
            Characters = FindCharacters(model),
            Merges = FindMerges(model, vocabulary),
            Indivisible = userDefinedTrie,
            ByteIds = model.ByteIds,
            UnknownId = model.UnknownId,
        };
        // only now: the texts of added tokens may hide those of pieces
        configuration.AddTo(vocabulary, matchNormalized: false);
        var bos = vocabulary.IdOf(configuration.BosToken ?? model.BosPiece);
        return new TokenizerParts
        {
            Vocabulary = vocabulary,
            Encoder = new BytePairEncoder(rules),
            Normalizer = new SentencePieceNormalizer
            {
                AddDummyPrefix = model.AddDummyPrefix,
                RemoveExtraWhitespaces = model.RemoveExtraWhitespaces,
                EscapeWhitespaces = model.EscapeWhitespaces,
                UserDefined = userDefinedTrie,
            },
            PreTokenizer = new WholeText(),
            Decoding = ReadDecoding(model, vocabulary),
            UnknownId = model.UnknownId,
            BosId = bos,
            EosId = vocabulary.IdOf(configuration.EosToken ?? model.EosPiece),
            PadId = configuration.PadToken is { } pad ? vocabulary.IdOf(pad) : null,
            AddsBos = configuration.AddsBos ?? bos is not null,
        };
    }

    private static Vocabulary ReadVocabulary(string path, SentencePieceModel model)
    {
        var vocabulary = new Vocabulary(path, model.Pieces.Count);
        for (var id = 0; id < model.Pieces.Count; id++) vocabulary.Add(model.Pieces[id].Text, id);
        for (var id = 0; id < model.Pieces.Count; id++)
        {
            var (text, _, type) = model.Pieces[id];
            if (type is PieceType.Control or PieceType.Unknown) vocabulary.Add(new AddedToken(text, id, Special: true), path);
        }

        return vocabulary;
    }

    private static DecodingRules ReadDecoding(SentencePieceModel model, Vocabulary vocabulary)
    {
        var bytes = new short[vocabulary.MaxId + 1];
        Array.Fill(bytes, (short)-1);
        for (var value = 0; value < model.ByteIds?.Length; value++) bytes[model.ByteIds[value]] = (short)value;
        return new DecodingRules
        {
            Texts = vocabulary.GetTexts(),
            SpaceMark = TextNormalizer.SpaceMark,
            Bytes = TokenBytes.OfByteTokens(bytes.Length, id => bytes[id]),
            Invalid = InvalidBytes.Each,
            Special = vocabulary.GetSpecial(),
            LeadingSpaces = model.RemoveExtraWhitespaces ? int.MaxValue : model.AddDummyPrefix ? 1 : 0,
        };
    }

    private static bool IsText(PieceType type) => type is PieceType.Normal or PieceType.UserDefined;

    private static Dictionary<int, int> FindCharacters(SentencePieceModel model)
    {
        var characters = new Dictionary<int, int>();
        for (var id = 0; id < model.Pieces.Count; id++)
        {
            var (text, _, type) = model.Pieces[id];
            if (IsText(type) && TryGetCharacter(text, out var character)) characters.Add(character.Value, id);
        }

        return characters;
    }

    /// <summary>
    /// Two neighbours merge if together they read as a piece: for each piece, every cut into two symbols. The higher
    /// score goes first, so the rank is the score's place among the distinct scores.
    /// </summary>
    private static MergeTable FindMerges(SentencePieceModel model, Vocabulary vocabulary)
    {
        var pieces = model.Pieces;
        var scores = pieces.Where(piece => IsText(piece.Type)).Select(piece => piece.Score).Distinct().OrderDescending().ToArray();
        var ranks = new Dictionary<float, int>(scores.Length);
        for (var rank = 0; rank < scores.Length; rank++) ranks.Add(scores[rank], rank);
        var merges = new MergeTable(2 * pieces.Count);
        for (var id = 0; id < pieces.Count; id++)
        {
            var (text, score, type) = pieces[id];
            if (!IsText(type)) continue;
            for (var cut = 1; cut < text.Length; cut++)
            {
                if (char.IsLowSurrogate(text[cut])) continue;
                var left = text.AsSpan(0, cut);
                var right = text.AsSpan(cut);
                if (SymbolOf(left) is not { } leftSymbol || SymbolOf(right) is not { } rightSymbol) continue;
                merges.Set(left, right, MergeTable.PairOf(leftSymbol, rightSymbol), new Merge(ranks[score], id));
            }
        }

        return merges;

        int? SymbolOf(ReadOnlySpan<char> text)
        {
            if (vocabulary.IdOf(text) is { } id && IsText(pieces[id].Type)) return id;
            return TryGetCharacter(text, out var character) ? BytePairEncoder.SymbolOf(character) : null;
        }
    }

    private static bool TryGetCharacter(ReadOnlySpan<char> text, out Rune character) =>
        Rune.DecodeFromUtf16(text, out character, out var length) == OperationStatus.Done && length == text.Length;
}
