using FlowCut.Models.Families;
using FlowCut.Testing;

namespace FlowCut.Models.Tests.Families;

/// <summary>The prompt of each family, written by hand from spec/models.md.</summary>
public class TemplateTests
{
    private const string Vicuna = "A chat between a curious user and an artificial intelligence assistant. The assistant gives helpful, detailed, and polite answers to the user's questions.";
    private const string InternVl = "你是由上海人工智能实验室联合商汤科技开发的书生多模态大模型，英文名叫InternVL, 是一个有用无害的人工智能助手。";

    private static readonly ChatTurn[] s_one = [new("Who is it?")];
    private static readonly ChatTurn[] s_two = [new("Who is it?", "A cat."), new("Which?")];

    [Theory]
    [InlineData("llava-next-tiny", Vicuna + " USER: <image>\nWho is it? ASSISTANT:")]
    [InlineData("llava-next-mistral-tiny", "[INST] <image>\nWho is it? [/INST]")]
    [InlineData("llava-siglip-tiny", "<|im_start|>user\n<image>\nWho is it?<|im_end|>\n<|im_start|>assistant\n")]
    [InlineData("qwen2-vl-tiny", "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n<image>Who is it?<|im_end|>\n<|im_start|>assistant\n")]
    [InlineData("internvl2-tiny-internlm2", "<|im_start|>system\n" + InternVl + "<|im_end|><|im_start|>user\n<image>\nWho is it?<|im_end|><|im_start|>assistant\n")]
    [InlineData("internvl2-tiny-qwen2", "<|im_start|>system\n" + InternVl + "<|im_end|><|im_start|>user\n<image>\nWho is it?<|im_end|><|im_start|>assistant\n")]
    public void A_question(string model, string expected) => Assert.Equal(expected, Family(model).ApplyTemplate(s_one, null, 1));

    [Theory]
    [InlineData("llava-next-tiny", "Be brief. USER: <image>\nWho is it? ASSISTANT: A cat.</s>USER: Which? ASSISTANT:")]
    [InlineData("llava-next-mistral-tiny", "[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\n<image>\nWho is it? [/INST] A cat.</s>[INST] Which? [/INST]")]
    [InlineData("llava-siglip-tiny", "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n<image>\nWho is it?<|im_end|>\n<|im_start|>assistant\nA cat.<|im_end|>\n<|im_start|>user\nWhich?<|im_end|>\n<|im_start|>assistant\n")]
    [InlineData("qwen2-vl-tiny", "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n<image>Who is it?<|im_end|>\n<|im_start|>assistant\nA cat.<|im_end|>\n<|im_start|>user\nWhich?<|im_end|>\n<|im_start|>assistant\n")]
    [InlineData("internvl2-tiny-qwen2", "<|im_start|>system\nBe brief.<|im_end|><|im_start|>user\n<image>\nWho is it?<|im_end|><|im_start|>assistant\nA cat.<|im_end|><|im_start|>user\nWhich?<|im_end|><|im_start|>assistant\n")]
    public void Two_turns_and_a_system_text(string model, string expected) => Assert.Equal(expected, Family(model).ApplyTemplate(s_two, "Be brief.", 1));

    [Fact]
    public void Two_pictures_stand_side_by_side_before_the_first_question_or_where_the_dialogue_says()
    {
        var family = Family("qwen2-vl-tiny");
        const string Front = "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n", End = "<|im_end|>\n<|im_start|>assistant\n";
        Assert.Equal(Front + "<image><image>Which?" + End, family.ApplyTemplate([new ChatTurn("Which?")], null, 2));
        Assert.Equal(Front + "Here <image> or there <image>?" + End, family.ApplyTemplate([new ChatTurn("Here <image> or there <image>?")], null, 2));

        // a marker is one token between those that frame it
        var tokens = family.Tokenize(family.ApplyTemplate([new ChatTurn("Which?")], null, 2));
        Assert.Equal(2, tokens.Pictures);
        int start = family.Tokenizer.RequireId("<|vision_start|>"), end = family.Tokenizer.RequireId("<|vision_end|>");
        var first = Array.IndexOf(tokens.Ids, PromptTokens.Picture);
        Assert.Equal([start, PromptTokens.Picture, end, start, PromptTokens.Picture, end], tokens.Ids[(first - 1)..(first + 5)]);
    }

    private static ModelFamily Family(string model) => ModelFamilies.Read(Goldens.Require(model), visionTower: null);
}
