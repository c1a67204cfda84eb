using FlowCut.Imaging.Skia;
using FlowCut.Models.Backends.Cpu;
using FlowCut.Models.Clip;
using FlowCut.Models.Families;
using FlowCut.Models.Pruning;
using FlowCut.Models.Pruning.Methods;
using FlowCut.Models.Tests.Families;
using FlowCut.Models.Tests.Tokenization;
using FlowCut.Models.Tracing;
using FlowCut.Testing;

namespace FlowCut.Models.Tests.Pruning;

/// <summary>CDPruner at the edges of its budget, with long questions, and where it does not fit.</summary>
public class CdPrunerTests
{
    private const string Tiny = "llava-1.5-tiny", Mid = "llava-1.5-mid", Clip = "rivals/cdpruner-clip";
    private const string Chelsea = "pictures/chelsea.png", Astronaut = "pictures/astronaut.png";

    [Fact]
    public void As_many_tokens_stay_as_the_budget_says_and_the_question_decides_which()
    {
        using var model = new Model(Tiny);
        foreach (var keep in new[] { 1, 2, 17, 40 })
        {
            var kept = model.Kept(Create(keep).About("What animal is it?"), Chelsea)[0];
            Assert.Equal(keep, kept.Distinct().Count());
            Assert.Equal(kept.Order(), kept);
        }

        var sets = new[] { "What animal is it?", "Where is the window?", "How many spoons?" }.Select(q => model.Kept(Create(16).About(q), Chelsea)[0]).ToArray();
        Assert.True(sets.Distinct(new Same()).Count() > 1);
        Assert.Equal(sets[1], model.Kept(Create(16, question: "where is  THE window?").About("How many spoons?"), Chelsea)[0]);
    }

    /// <summary>Pictures of a batch do not see each other.</summary>
    [Fact]
    public void A_picture_in_a_batch_is_what_it_is_alone()
    {
        using var model = new Model(Tiny);
        var strategy = Create(16).About("What animal is it?");
        Assert.Equal([model.Kept(strategy, Chelsea)[0], model.Kept(strategy, Astronaut)[0]], model.Kept(strategy, Chelsea, Astronaut));
    }

    [Fact]
    public void Relevance_is_negated_averaged_over_segments_and_scaled()
    {
        Assert.Equal([1 + 2e-6f, 0.5f + 2e-6f, 2e-6f], CdPruner.Relevance(new float[,] { { 0.1f, 0.4f, 0.7f }, { 0.1f, 0.3f, 0.5f } }), (a, b) => Math.Abs(a - b) < 1e-6);
        // nothing tells equal ones apart
        Assert.Equal([1, 1], CdPruner.Relevance(new float[,] { { 0.3f, 0.3f } }));
    }

    [Fact]
    public void Beyond_the_rank_of_the_features_it_says_so()
    {
        using var model = new Model(Mid);
        var message = Assert.Throws<InputException>(() => model.Kept(Create(129).About("Why?"), Chelsea)).Message;
        Assert.Contains("129", message, StringComparison.Ordinal);
        Assert.Contains("keep 128 or fewer", message, StringComparison.Ordinal);
    }

    /// <summary>Segments of a long text do not see each other; each is pooled at its highest id, or at its end token where the configuration names one.</summary>
    [Fact]
    public void A_long_question_is_several_segments()
    {
        using var cpu = new CpuBackend();
        using var clip = ClipCounterpart.Load(cpu, Goldens.Require(Clip), 128);
        var ids = clip.Tokenize(string.Concat(Enumerable.Repeat("how many spoons are on the table, and what colour? ", 20)));
        Assert.InRange(ids.Length, 78, 500);
        var embeds = clip.Embed(ids);
        Assert.Equal((ids.Length + 76) / 77, embeds.GetLength(0));
        for (var segment = 0; segment < embeds.GetLength(0); segment++)
        {
            var alone = clip.Embed(ids[(segment * 77)..Math.Min(ids.Length, (segment + 1) * 77)]);
            Close(Row(alone, 0), Row(embeds, segment));
            Assert.Equal(1, Row(alone, 0).Sum(v => v * v), 1e-5f);
        }

        // a segment of exactly the positions is one
        Assert.Equal(1, clip.Embed(ids[..77]).GetLength(0));
        Assert.Equal(2, clip.Embed(ids[..78]).GetLength(0));

        using var folder = TokenizerFolder.CopyOf(Clip);
        folder.Write("config.json", File.ReadAllText(folder.File("config.json")).Replace("\"eos_token_id\": 2", "\"eos_token_id\": 513", StringComparison.Ordinal));
        using var named = ClipCounterpart.Load(cpu, folder.Path, 128);
        // 513 is 'the': behind it nothing counts, and without it the first token does
        Close(Row(named.Embed([662, 530, 513]), 0), Row(named.Embed([662, 530, 513, 541, 513, 663]), 0));
        Close(Row(clip.Embed([662]), 0), Row(named.Embed([662, 530]), 0));
        Assert.NotEqual(Row(clip.Embed([662, 530, 663]), 0), Row(clip.Embed([662, 541, 663]), 0));

        // products of other shapes round otherwise
        static void Close(float[] expected, float[] actual) => Assert.All(expected.Zip(actual), pair => Assert.Equal(pair.First, pair.Second, 2e-6f));

        static float[] Row(float[,] rows, int row) => [.. Enumerable.Range(0, rows.GetLength(1)).Select(k => rows[row, k])];
    }

    [Fact]
    public async Task A_dialogue_is_about_its_last_question_and_a_raw_prompt_needs_one()
    {
        using var model = new Model(Tiny);
        var picture = PictureFile.Load(Goldens.Require(Chelsea)).Image;
        var trace = new Trace();
        await foreach (var _ in model.Loaded.GenerateAsync([new ChatTurn("Who?", "A cat."), new ChatTurn("How many spoons?")], [picture], new() { MaxTokens = 1, Pruning = Create(9), Trace = trace })) { }
        using var clip = ClipCounterpart.Load(model.Loaded.Backend, Goldens.Require(Clip), 128);
        Assert.Equal(clip.Tokenize("How many spoons?").Select(id => (long)id), System.Runtime.InteropServices.MemoryMarshal.Cast<byte, long>(trace.Tensors["text.ids"].Bytes.Span).ToArray());

        var raw = model.Loaded.GenerateAsync([new ChatTurn("<image> Who?")], [picture], new() { MaxTokens = 1, RawPrompt = true, Pruning = Create(9) });
        var error = await Assert.ThrowsAsync<InputException>(async () => { await foreach (var _ in raw) { } });
        Assert.Contains("question=TEXT", error.Message, StringComparison.Ordinal);
        await foreach (var _ in model.Loaded.GenerateAsync([new ChatTurn("<image> Who?")], [picture], new() { MaxTokens = 1, RawPrompt = true, Pruning = Create(9, "Who?") })) { }
    }

    [Fact]
    public void Without_a_clip_it_says_what_to_download_and_how_to_name_it()
    {
        var message = Assert.Throws<InputException>(() => PruningMethod.Find("cdpruner").Create(8, new Dictionary<string, string>())).Message;
        Assert.Contains("hf download openai/clip-vit-large-patch14-336", message, StringComparison.Ordinal);
        Assert.Contains("--set clip=", message, StringComparison.Ordinal);
        message = Assert.Throws<InputException>(() => PruningMethod.Find("cdpruner").Create(8, new Dictionary<string, string> { ["clip"] = "no-such-folder" })).Message;
        Assert.Contains("no-such-folder", message, StringComparison.Ordinal);
        Assert.Throws<InputException>(() => Create(8, question: " "));
    }

    [Theory]
    [InlineData("config.json", "the file is missing")]
    [InlineData("vocab.json", "vocab.json is not there")]
    [InlineData("merges.txt", "merges.txt is not there")]
    [InlineData("model.safetensors", "the folder has no checkpoint")]
    public void A_file_that_is_missing_is_named(string file, string expected)
    {
        using var folder = TokenizerFolder.CopyOf(Clip, without: file);
        Refused(folder.Path, expected);
    }

    [Theory]
    [InlineData("\"model_type\": \"clip\"", "\"model_type\": \"siglip\"", "'siglip', only 'clip'")]
    [InlineData("\"hidden_size\": 128", "\"hidden_size\": 1024", "vision tower is 1024 wide, the model's 128")]
    [InlineData("\"num_attention_heads\": 2", "\"num_attention_heads\": 3", "no multiple of its 3 attention heads")]
    [InlineData("\"vocab_size\": 664", "\"vocab_size\": 663", "'text_config.vocab_size' is 663")]
    [InlineData("\"vocab_size\": 664", "\"vocab_size\": 700", "token_embedding.weight")]
    [InlineData("\"text_config\": {", "\"text_config\": { \"hidden_act\": \"gelu\",", "'text_config.hidden_act' is 'gelu'")]
    [InlineData("\"text_config\"", "\"text\"", "'text_config' is missing")]
    public void A_configuration_that_does_not_fit_is_refused(string old, string replacement, string expected)
    {
        using var folder = TokenizerFolder.CopyOf(Clip);
        var text = File.ReadAllText(folder.File("config.json"));
        Assert.Contains(old, text, StringComparison.Ordinal);
        var at = text.IndexOf(old, StringComparison.Ordinal);
        folder.Write("config.json", text[..at] + replacement + text[(at + old.Length)..]);
        Refused(folder.Path, expected);
    }

    [Theory]
    [InlineData("text_projection.weight")]
    [InlineData("visual_projection.weight")]
    [InlineData("text_model.final_layer_norm.bias")]
    [InlineData("text_model.embeddings.token_embedding.weight")]
    [InlineData("text_model.embeddings.position_embedding.weight")]
    [InlineData("text_model.encoder.layers.1.self_attn.k_proj.weight")]
    public void A_tensor_that_is_missing_or_of_another_shape_is_named(string tensor)
    {
        using (var without = CheckpointRewriter.Write(Goldens.Require(Clip), (name, data) => name == tensor ? [] : [(name, data)], config => config)) Refused(without.Folder, $"'{tensor}' is missing");
        using var shorter = CheckpointRewriter.Write(Goldens.Require(Clip), (name, data) => [(name, name == tensor ? CheckpointRewriter.Rows(data, Enumerable.Range(0, 9)) : data)], config => config);
        Refused(shorter.Folder, tensor);
    }

    [Fact]
    public void A_model_without_clips_tower_or_norm_and_one_that_tiles_is_refused()
    {
        using var siglip = new Model("llava-siglip-tiny");
        Assert.Contains("CLS", Assert.Throws<InputException>(() => siglip.Kept(Create(8).About("Why?"), Chelsea)).Message, StringComparison.Ordinal);
        using var next = new Model("llava-next-tiny");
        Assert.Contains("tiles", Assert.Throws<InputException>(() => next.Kept(Create(8).About("Why?"), Chelsea)).Message, StringComparison.Ordinal);
        using var rewritten = CheckpointRewriter.Write(Goldens.Require(Tiny), (name, data) => name.Contains("post_layernorm", StringComparison.Ordinal) ? [] : [(name, data)], config => config);
        using var normless = new Model(rewritten.Folder);
        Assert.Contains("post_layernorm", Assert.Throws<ModelFormatException>(() => normless.Kept(Create(8).About("Why?"), Chelsea)).Message, StringComparison.Ordinal);
        using var tiny = new Model(Tiny);
        Assert.Contains("question", Assert.Throws<InputException>(() => tiny.Kept(Create(8), Chelsea)).Message, StringComparison.Ordinal);
    }

    private static void Refused(string folder, string expected)
    {
        using var cpu = new CpuBackend(1);
        var error = Assert.ThrowsAny<InputException>(() => ClipCounterpart.Load(cpu, folder, 128).Dispose());
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
        Assert.Contains(folder, error.Message, StringComparison.Ordinal);
    }

    private static IPruningStrategy Create(int keep, string? question = null)
    {
        var settings = new Dictionary<string, string> { ["clip"] = Goldens.Require(Clip) };
        if (question is not null) settings.Add("question", question);
        return PruningMethod.Find("cdpruner").Create(keep, settings);
    }

    private sealed class Same : IEqualityComparer<int[]>
    {
        public bool Equals(int[]? x, int[]? y) => x!.SequenceEqual(y!);

        public int GetHashCode(int[] obj) => obj.Sum();
    }

    private sealed class Model(string name) : IDisposable
    {
        public VisionLanguageModel Loaded { get; } = VisionLanguageModel.Load(Directory.Exists(name) ? name : Goldens.Require(name), new LoadOptions { PrepareKernels = false });

        public int[][] Kept(IPruningStrategy strategy, params string[] pictures)
        {
            var encoded = Loaded.Encode([.. pictures.Select(p => Loaded.Prepare(PictureFile.Load(Goldens.Require(p)).Image))], strategy);
            foreach (var picture in encoded) picture.Dispose();
            return [.. encoded.Select(e => e.Records[0].Kept)];
        }

        public void Dispose() => Loaded.Dispose();
    }
}
